"""Files as people keep them: read where they can mean one thing, else refused with the true reason."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from mass_maps import hypercube, maps_of, write_pair

from focus_core.cli import main
from focus_core.data import containers
from focus_core.data.files import open_maps, open_stack
from focus_core.data.parameter_tables import read_table, table_text, unreadable_name
from focus_core.errors import UserError
from focus_core.statistics.power import power_spectrum

NAMES = "Omega_m sigma_8 A_SN1"
VALUES = np.array([[0.3, 0.8, 1.0], [0.1, 0.9, 2.0]])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("comments.txt", "# made by hand\n# Omega_m sigma_8 A_SN1\n0.3 0.8 1.0\n# half way\n0.1 0.9 2.0  # last\n"),
        ("commas.txt", "Omega_m, sigma_8, A_SN1\n0.3, 0.8, 1.0\n0.1, 0.9, 2.0\n"),
        ("plain_commas.txt", "# Omega_m,sigma_8,A_SN1\n0.3,0.8,1.0\n0.1,0.9,2.0\n"),
        ("semicolons.csv", "Omega_m;sigma_8;A_SN1\n0.3;0.8;1.0\n0.1;0.9;2.0\n"),
        ("tabs.dat", "Omega_m\tsigma_8\tA_SN1\n0.3\t0.8\t1.0\n0.1\t0.9\t2.0\n"),
        ("pandas.csv", ",Omega_m,sigma_8,A_SN1\n0,0.3,0.8,1.0\n1,0.1,0.9,2.0\n"),
        ("unnamed.csv", "Unnamed: 0,Omega_m,sigma_8,A_SN1\n7,0.3,0.8,1.0\n3,0.1,0.9,2.0\n"),
        ("index.txt", "   Omega_m  sigma_8  A_SN1\n0  0.3  0.8  1.0\n1  0.1  0.9  2.0\n"),
        ("blanks.csv", "Omega_m sigma_8 A_SN1\n0.3 0.8 1.0\n0.1 0.9 2.0\n"),
        ("names.txt", "#Name Omega_m sigma_8 A_SN1 seed\nLH_0 0.3 0.8 1.0 5\nLH_1 0.1 0.9 2.0 6\n"),
    ],
)
def test_tables_of_every_kind_give_their_columns_and_names(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    table = read_table(tmp_path / name)
    assert table.header == tuple(NAMES.split())
    np.testing.assert_array_equal(table.values, VALUES)


@pytest.mark.parametrize("head", ["dark energy", '"dark energy"', "dark\tenergy"])
def test_a_name_of_two_words_above_a_single_column_is_one_name(tmp_path: Path, head: str) -> None:
    (tmp_path / "t.csv").write_text(f"{head}\n0.3\n0.1\n")
    table = read_table(tmp_path / "t.csv")
    assert table.header == ("dark energy",)
    np.testing.assert_array_equal(table.values, [[0.3], [0.1]])


def test_a_name_in_quotes_is_one_name_where_blanks_part_the_columns(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text('"dark energy" w0\n0.3 -1\n0.1 -0.9\n')
    assert read_table(tmp_path / "t.txt").header == ("dark energy", "w0")
    (tmp_path / "t.txt").write_text('"dark energy"\n0 0.3\n1 0.1\n')
    table = read_table(tmp_path / "t.txt")
    assert (table.header, table.values.tolist()) == (("dark energy",), [[0.3], [0.1]])


@pytest.mark.parametrize("names", [("dark energy",), ("dark energy", "w0"), ("a, b",), ("a, b", "c"), ("<b>A</b>$_1",)])
def test_what_is_written_under_any_names_is_read_under_these_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert unreadable_name(names) is None
    rows = np.arange(3.0 * len(names)).reshape(3, -1) / 7.0
    (tmp_path / "t.csv").write_text(table_text(names, rows))
    table = read_table(tmp_path / "t.csv")
    assert table.header == names
    np.testing.assert_array_equal(table.values, rows)


@pytest.mark.parametrize("name", ["H#0", "a;b", "seed", "3", "", "two\nlines"])
def test_a_name_that_no_table_can_say_is_known_for_one(name: str) -> None:
    assert unreadable_name(("w0", name)) == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Omega_m;sigma_8\n0,3;0,8\n", "has decimal commas between semicolons"),
        ("0,3 0,8\n0,1 0,9\n0,2 0,7\n", "which may be decimal commas"),
        ("Omega_m sigma_8\n0.3\n0.1\n", "line 2: has 1 columns, but the header names 2"),
        ("a b\n0.3 0.8\n0.1 x\n", "line 3: 'x' is not a number"),
        ("# only a comment\n", "holds no rows of parameters"),
    ],
)
def test_tables_that_may_mean_two_things_are_refused_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(UserError, match=reason):
        read_table(tmp_path / "t.txt")


def fits(array: np.ndarray, extra: str = "") -> bytes:
    """A FITS file of one image, its cards by the standard (Pence et al. 2010)."""
    kind = {"f4": -32, "f8": -64, "i2": 16}[array.dtype.str[1:]]
    cards = ["SIMPLE  =                    T", f"BITPIX  = {kind:20d}", f"NAXIS   = {array.ndim:20d}"]
    cards += [f"NAXIS{i}  = {n:20d}" for i, n in enumerate(reversed(array.shape), 1)] + ([extra] if extra else [])
    header = "".join(card.ljust(80) for card in [*cards, "END"]).encode()
    header += b" " * (-len(header) % 2880)
    data = array.astype(array.dtype.newbyteorder(">")).tobytes()
    return header + data + b"\0" * (-len(data) % 2880)


@pytest.fixture
def maps() -> np.ndarray:
    return np.random.default_rng(0).lognormal(size=(4, 8, 8)).astype(np.float32)


def test_fits_images_are_mapped_and_scaled_or_truncated_ones_refused(tmp_path: Path, maps: np.ndarray) -> None:
    path = tmp_path / "maps.fits"
    path.write_bytes(fits(maps))
    opened = open_maps(path)
    assert isinstance(opened, np.memmap)
    np.testing.assert_array_equal(opened[1:3], maps[1:3])
    path.write_bytes(fits(maps, "BSCALE  =                  2.0"))
    with pytest.raises(UserError, match=r"is scaled \(BSCALE 2"):
        open_maps(path)
    path.write_bytes(fits(maps)[:-2880])
    with pytest.raises(UserError, match="is truncated"):
        open_maps(path)
    path.write_bytes(fits(maps.astype("i2")))
    with pytest.raises(UserError, match="holds no floating-point maps"):
        open_maps(path)
    path.write_bytes(b"SIMPLE")
    with pytest.raises(UserError, match=r"maps\.fits: is (not a FITS file|truncated)"):
        open_maps(path)


def test_hdf5_is_mapped_or_read_in_pieces_and_refused_where_it_holds_two_sets(tmp_path: Path, maps: np.ndarray) -> None:
    h5py = pytest.importorskip("h5py")
    for name, options in (("plain", {}), ("packed", {"compression": "gzip", "chunks": (1, 8, 8)})):
        path = tmp_path / f"{name}.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("group/maps", data=maps, **options)
            file["params"] = VALUES
        opened = open_maps(path)
        np.testing.assert_array_equal(opened[np.array([3, 1, 1])], maps[[3, 1, 1]])
        np.testing.assert_array_equal(opened[1:], maps[1:])
        np.testing.assert_array_equal(read_table(path).values, VALUES)
    path = tmp_path / "two.h5"
    with h5py.File(path, "w") as file:
        file["maps_"], file["other"] = maps, maps
    with pytest.raises(UserError, match=r"holds 2 arrays that may be the maps .*maps_ \(4, 8, 8\) float32.*other"):
        open_maps(path)
    path = tmp_path / "none.h5"
    path.write_bytes(b"not HDF5")
    with pytest.raises(UserError, match="cannot be read as HDF5"):
        open_maps(path)


def test_hdf5_without_h5py_is_refused_with_what_to_install(
    tmp_path: Path, maps: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError, match=r"is an HDF5 file, and h5py.*pip install h5py"):
        open_maps(tmp_path / "m.h5")


def test_an_npz_is_mapped_where_it_is_not_compressed_and_bounded_where_it_is(
    tmp_path: Path, maps: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "plain.npz", maps=maps, params=VALUES, param_names=np.array(NAMES.split()))
    opened = open_maps(tmp_path / "plain.npz")
    assert isinstance(opened, np.memmap)
    np.testing.assert_array_equal(opened[2], maps[2])
    table = read_table(tmp_path / "plain.npz")
    assert table.header == tuple(NAMES.split())
    np.testing.assert_array_equal(table.values, VALUES)
    np.savez_compressed(tmp_path / "packed.npz", a=maps)
    np.testing.assert_array_equal(open_maps(tmp_path / "packed.npz")[:], maps)
    monkeypatch.setattr(containers, "LARGEST_UNPACKED", 1000)
    with pytest.raises(UserError, match=r"a unpacks to 0\.0 GiB, more than"):
        open_maps(tmp_path / "packed.npz")
    np.savez(tmp_path / "objects.npz", maps=np.array([{}, None], dtype=object))
    with pytest.raises(UserError, match="holds pickled Python objects, which FOCUS does not load"):
        open_maps(tmp_path / "objects.npz")
    (tmp_path / "torn.npz").write_bytes((tmp_path / "plain.npz").read_bytes()[:200])
    with pytest.raises(UserError, match=r"is not a \.npz file, or is damaged"):
        open_maps(tmp_path / "torn.npz")


def test_a_bomb_is_refused_by_what_it_says_of_itself(tmp_path: Path) -> None:
    """A header that promises terabytes, and a member whose length is said to be less than it is."""
    path, head = tmp_path / "bomb.npz", io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 512, 512)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("maps.npy", head.getvalue() + bytes(10**6))
    with pytest.raises(UserError, match=r"maps promises .* bytes and has"):
        open_maps(path)


def test_spectrum_reads_what_sample_wrote_with_its_own_box(
    tmp_path: Path, maps: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "maps.npz", tmp_path / "pk.csv"
    np.savez(path, maps=maps, params=VALUES, param_names=np.array(NAMES.split()), box_size=np.float64(50.0))
    assert main(["spectrum", str(path), "--out", str(out)]) == 0
    found = np.loadtxt(out, delimiter=",", skiprows=1)
    np.testing.assert_allclose(found[:4, 2], power_spectrum(maps, 50.0).power[0], rtol=1e-9)
    assert main(["spectrum", str(path), "--box", "25", "--out", str(out)]) == 2
    assert "--box: is 25, but" in capsys.readouterr().err
    np.save(tmp_path / "one.npy", maps[0])
    assert main(["spectrum", str(tmp_path / "one.npy"), "--out", str(out)]) == 2
    assert "--box: " in capsys.readouterr().err
    np.testing.assert_array_equal(open_stack(tmp_path / "one.npy"), maps[0])


def test_a_pair_of_other_formats_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theta = hypercube(4)
    (tmp_path / "maps.fits").write_bytes(fits(maps_of(theta)))
    np.savetxt(tmp_path / "t.txt", theta, delimiter=";", header="Om;sigma8;SN1;AGN1;SN2;AGN2")
    options = ["--params", str(tmp_path / "t.txt"), "--space", "camels_lh6", "--box", "25", "--depth", "5"]
    assert main(["data", "check", str(tmp_path / "maps.fits"), *options]) == 0
    assert "4 simulations, 15 maps each" in capsys.readouterr().out


SPARSE = """
import sys
from pathlib import Path
from focus_core.cli import main
code = main(["data", "check", sys.argv[1]])
line = next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM"))
print("peak", int(line.split()[1]) // 1024, "code", code)
"""
STOPPED = """
import os, signal, sys
from focus_core.cli import main
from focus_core.data import checks
read = checks.check_pixels
def stopping(*given, **more):
    os.kill(os.getpid(), signal.SIGINT)
    return read(*given, **more)
checks.check_pixels = stopping
sys.exit(main(["data", "check", sys.argv[1]]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="holes in files and the peak of resident memory are Linux's")
def test_a_set_of_thousands_of_maps_is_checked_with_little_memory_and_can_be_stopped(tmp_path: Path) -> None:
    """3,000 maps of 256², most of it a hole: 790 megabytes, of which few are ever resident."""
    theta = hypercube(200)
    path = write_pair(tmp_path, np.ones((1, 2, 2), np.float32), theta)
    file = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(3000, 256, 256))
    file[:, 0, 0] = np.repeat(theta[:, 0], 15) * 2.77536627e11 * 5 * 256**2
    del file
    done = subprocess.run([sys.executable, "-c", SPARSE, str(path)], check=True, capture_output=True, text=True)
    assert "code 0" in done.stdout, done.stdout + done.stderr
    assert "complete sets of slabs" in done.stdout
    assert int(done.stdout.split("peak ")[1].split()[0]) < 350
    stopped = subprocess.run([sys.executable, "-c", STOPPED, str(path)], check=False, capture_output=True, text=True)
    assert stopped.returncode == 3
    assert "stopped by SIGINT" in stopped.stderr
