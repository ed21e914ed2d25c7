"""A processor is shown by its model's name alone."""

from pathlib import Path

import pytest

from focus_core.costs import processor


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", "Intel Xeon Platinum 8375C"),
        ("AMD EPYC 7763 64-Core Processor", "AMD EPYC 7763"),
        ("11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz", "11th Gen Intel Core i7-1165G7"),
        ("AMD EPYC", "AMD EPYC"),
        ("Processor", "Processor"),
    ],
)
def test_what_names_no_model_is_left_out(
    model: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    information = tmp_path / "cpuinfo"
    information.write_text(f"processor\t: 0\nmodel name\t: {model}\nflags\t\t: fpu\n")
    monkeypatch.setattr(processor, "_INFORMATION", information)
    assert processor.processor_name() == name


def test_a_machine_that_tells_no_model_is_called_by_its_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "_INFORMATION", tmp_path / "missing")
    monkeypatch.setattr(processor.platform, "processor", lambda: "")
    monkeypatch.setattr(processor.platform, "machine", lambda: "aarch64")
    assert processor.processor_name() == "aarch64"
