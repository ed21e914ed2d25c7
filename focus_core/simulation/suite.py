"""Suites of simulations: a design in parameter space, one box after another, one dataset at the end.

Every finished simulation is a file in `.suite/` of the output folder, written atomically, so that a stopped suite
continues where it was and ends with the same bytes. Each box follows from (suite seed, point, realisation) alone.
"""

from __future__ import annotations

import dataclasses
import datetime
import errno
import json
import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from scipy.stats import qmc

from focus_core.data.camels import BUILT_IN_SUITE
from focus_core.data.cmd import PROVENANCE, CmdName
from focus_core.data.dataset import SURFACE_DENSITY
from focus_core.data.folder import (
    DESCRIPTION,
    MAPS,
    PARAMS,
    Description,
    read_description,
    write_folder,
    write_maps,
)
from focus_core.disk.atomic import write_text
from focus_core.errors import MENDABLE, StopRequested, UserError
from focus_core.parameters import CAMELS_LH6, WCDM6, ParameterSpace
from focus_core.paths import check_folder
from focus_core.schema.messages import check_box
from focus_core.simulation.cosmology import Cosmology
from focus_core.simulation.particle_mesh import START, STEPS, density, evolve
from focus_core.simulation.slabs import slab_maps
from focus_core.suites import LARGEST_SUITE, PLAIN_SUITE, default_slabs
from focus_core.versions import FOCUS, versions_of

Layout = Literal["folder", "cmd"]

FIELD = "Mtot"
STATE = ".suite"
# Below 8 cells per side there is no useful band of P(k); above 1024 a box needs more than a hundred gigabytes.
_SMALLEST_GRID, _LARGEST_GRID = 8, 1024


@dataclass(frozen=True)
class SuiteSpec:
    """Definition of a suite: equal ones give equal maps on one kind of device. `box` in Mpc/h, `grid` cells per side.

    `simulations` counts points of the design, each run with `realisations` initial phases; `slabs` per axis defaults to
    16 Mpc/h of depth. `name` defaults to that of the folder.
    """

    simulations: int
    grid: int = PLAIN_SUITE["grid"]
    box: float = PLAIN_SUITE["box"]
    seed: int = PLAIN_SUITE["seed"]
    realisations: int = PLAIN_SUITE["realisations"]
    space: ParameterSpace = WCDM6
    layout: Layout = "folder"
    slabs: int | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Refuse invalid settings, by the option's name."""
        if min(self.simulations, self.realisations) < 1 or self.simulations * self.realisations > LARGEST_SUITE:
            raise UserError(
                f"--simulations and --realisations: are {self.simulations} and {self.realisations}; each must be 1 or "
                f"more, and their product {LARGEST_SUITE} or less."
            )
        check_grid(self.grid, "--grid:")
        check_box(self.box, "--box:")
        if not 0 <= self.seed < 2**63:
            raise UserError(f"--seed: is {self.seed}; it must be from 0 to 2⁶³ − 1.")
        check_slabs(self.slabs, self.grid, "--slabs:")
        if self.layout == "cmd" and self.space != CAMELS_LH6:
            raise UserError(
                f"--layout: cmd files hold camels_lh6 columns, not {self.space.name}; add --space camels_lh6."
            )

    @property
    def n_rows(self) -> int:
        return self.simulations * self.realisations

    @property
    def n_slabs(self) -> int:
        return self.slabs or default_slabs(self.grid, self.box)

    def plain(self) -> dict[str, Any]:
        """What identifies a suite, for the state on disk; the name is left out."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del values["name"]
        return values | {"space": self.space.name, "slabs": self.n_slabs, "steps": STEPS}

    def design(self) -> NDArray[np.float64]:
        """θ (n_rows, d): the first points of a scrambled Sobol sequence in the scaled prior, each `realisations` times.

        A longer suite of the same seed begins with the points of a shorter one.
        """
        sobol = qmc.Sobol(len(self.space), scramble=True, rng=np.random.default_rng(self.seed))
        points = sobol.random_base2(max(0, math.ceil(math.log2(self.simulations))))[: self.simulations]
        return np.repeat(self.space.from_unit(2.0 * points - 1.0), self.realisations, axis=0)

    def phase_seed(self, row: int) -> int:
        """Seed of a row's initial phases; independent of other rows."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=divmod(row, self.realisations))
        return int(sequence.generate_state(1, np.uint64)[0] >> 1)


def check_grid(grid: int, source: str) -> None:
    """UserError, which begins with `source`, for a number of cells per side that cannot be simulated."""
    if grid % 2 or not _SMALLEST_GRID <= grid <= _LARGEST_GRID:
        raise UserError(f"{source} is {grid}; it must be even, from {_SMALLEST_GRID} to {_LARGEST_GRID}.")


def check_slabs(slabs: int | None, grid: int, source: str) -> None:
    """UserError, which begins with `source`, for slabs that are not a whole number of cells deep."""
    if slabs is not None and (slabs < 1 or grid % slabs):
        raise UserError(f"{source} is {slabs}, which does not divide the grid of {grid}.")


def simulate_box(
    cosmology: Cosmology, grid: int, box_size: float, n_slabs: int, seed: int, device: torch.device
) -> NDArray[np.float32]:
    """The maps (3·n_slabs, N, N) [(M☉/h)/(Mpc/h)²] of one box of side `box_size` [Mpc/h], initial phases by `seed`."""
    positions, _ = evolve(cosmology, grid, box_size, seed, device)
    return slab_maps(density(positions, grid), n_slabs, cosmology.Omega_m, box_size)


def simulate_suite(
    spec: SuiteSpec,
    out: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    device: str = "cpu",
) -> Path:
    """Run the missing part of a suite in the folder `out`, write its dataset, and return `out`.

    `progress(done, total)` is called at the start and after every simulation; `should_stop()` is called between them
    and ends the call with StopRequested. A complete suite is left as it is; another suite's folder is a UserError.
    """
    total = spec.n_rows
    report = progress or (lambda done, total: None)
    if _recorded(out, spec) == "complete":
        shutil.rmtree(out / STATE, ignore_errors=True)  # killed between completing and tidying up
        report(total, total)
        return out
    check_folder(out, "--out")
    try:
        provenance = _provenance(spec, device)  # before the work: anything missing is noticed at once
        _run(spec, out, report, should_stop or (lambda: False), torch.device(device))
        _assemble(spec, out, provenance)
    except OSError as error:
        if error.errno not in (*MENDABLE, errno.ENOENT):  # for example a folder that was removed meanwhile
            raise
        raise UserError(
            f"--out: {error.filename or out} cannot be written ({error.strerror}); fix this and run the same command "
            "again, which keeps what is finished."
        ) from error
    return out


def _run(
    spec: SuiteSpec,
    out: Path,
    report: Callable[[int, int], None],
    should_stop: Callable[[], bool],
    device: torch.device,
) -> None:
    state = out / STATE
    state.mkdir(parents=True, exist_ok=True)
    write_text(state / "spec.json", json.dumps(spec.plain(), indent=1) + "\n")
    theta = spec.design()
    missing = [row for row in range(spec.n_rows) if not _is_whole(_shard(out, row), spec)]
    done = spec.n_rows - len(missing)
    report(done, spec.n_rows)
    for row in missing:
        if should_stop():
            raise StopRequested(f"stopped after {done} of {spec.n_rows} simulations; the same command continues.")
        maps = _simulate(spec, theta[row], spec.phase_seed(row), device)
        write_maps(_shard(out, row), [maps], maps.shape)
        done += 1
        report(done, spec.n_rows)


def _simulate(spec: SuiteSpec, theta: NDArray[np.float64], seed: int, device: torch.device) -> NDArray[np.float32]:
    """The maps (3·n_slabs, N, N) of one box."""
    cosmology = Cosmology.from_values(dict(zip(spec.space.names, theta, strict=True)) | dict(spec.space.fixed))
    return simulate_box(cosmology, spec.grid, spec.box, spec.n_slabs, seed, device)


def _assemble(spec: SuiteSpec, out: Path, provenance: dict[str, Any]) -> None:
    """One dataset of all simulations; the file that completes it is written last, then the state is removed."""
    for left_over in out.glob(".*.part"):  # of a killed assembly
        left_over.unlink()
    provenance = provenance | {"created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    if spec.layout == "folder":
        about = Description(
            name=spec.name or out.resolve().name,
            field=FIELD,
            unit=SURFACE_DENSITY,
            box_size=spec.box,
            redshift=0.0,
            maps_per_simulation=3 * spec.n_slabs,
            space=spec.space,
            provenance=provenance,
            slab_depth=spec.box / spec.n_slabs,
            independent_realisations=spec.realisations > 1,
        )
        write_folder(out, _shards(spec, out), spec.grid, spec.design(), about)
    else:
        _write_cmd(spec, out, provenance)
    shutil.rmtree(out / STATE)


def _cmd_name(spec: SuiteSpec) -> CmdName:
    return CmdName(FIELD, f"{BUILT_IN_SUITE}-L{spec.box:.12g}n{spec.grid}", "LH", 0.0)


def _write_cmd(spec: SuiteSpec, out: Path, provenance: dict[str, Any]) -> None:
    name = _cmd_name(spec)
    write_maps(out / name.maps_file, _shards(spec, out), (3 * spec.n_slabs * spec.n_rows, spec.grid, spec.grid))
    rows = ["# Om sigma8 SN1 AGN1 SN2 AGN2", *(" ".join(f"{v:.10g}" for v in row) for row in spec.design())]
    write_text(out / name.params_file, "\n".join(rows) + "\n")
    write_text(out / PROVENANCE, yaml.safe_dump({"provenance": provenance}, sort_keys=False, allow_unicode=True))


def _provenance(spec: SuiteSpec, device: str) -> dict[str, Any]:
    return {
        "source": "FOCUS particle-mesh simulation: the truth of its own dataset, not of nature",
        "suite": spec.plain(),
        "particles": f"{spec.grid}³",
        "force_resolution": f"{spec.box / spec.grid:.6g} Mpc/h (one cell)",
        "slab_depth": f"{spec.box / spec.n_slabs:.6g} Mpc/h",
        "time_steps": f"{STEPS}, linear in a from {START} to 1",
        "linear_power": "Eisenstein–Hu by pyccl",
        "versions": versions_of((FOCUS, "torch", "pyccl", "scipy", "numpy")),
        "device": device,
    }


def _recorded(out: Path, spec: SuiteSpec) -> Literal["complete", "unfinished", "new"]:
    """The state of the folder; UserError if it belongs to another suite or contains other files."""
    state, found = _read_state(out)
    if state == "new":
        if out.exists() and not out.is_dir():
            raise UserError(f"--out: {out} is a file that `focus simulate` did not make; name a folder.")
        name = _cmd_name(spec)
        for file in (MAPS, PARAMS) if spec.layout == "folder" else (name.maps_file, name.params_file):
            if (out / file).exists():
                raise UserError(
                    f"--out: {out / file} is something that `focus simulate` did not make; choose another folder."
                )
        return "new"
    if found != spec.plain():
        other = [f"{key} {value}" for key, value in (found or {}).items() if spec.plain().get(key) != value]
        raise UserError(
            f"--out: {out} already holds another suite ({', '.join(other) or 'unknown settings'}); choose another "
            "folder or give those settings."
        )
    return state


def _read_state(out: Path) -> tuple[Literal["complete", "unfinished", "new"], dict[str, Any] | None]:
    for file in (DESCRIPTION, PROVENANCE):
        if (out / file).is_file():
            provenance = read_description(out, file).get("provenance")
            return "complete", _section(provenance.get("suite") if isinstance(provenance, dict) else None)
    spec_file = out / STATE / "spec.json"
    if not spec_file.is_file():
        return "new", None
    try:
        return "unfinished", _section(json.loads(spec_file.read_text(encoding="utf-8")))
    except ValueError as error:
        raise UserError(
            f"--out: {spec_file} is damaged ({error}); remove {out / STATE}, which starts the suite anew."
        ) from error


def _section(plain: Any) -> dict[str, Any] | None:
    """Keys and values, or None for anything else written there by hand."""
    return plain if isinstance(plain, dict) else None


def _shard(out: Path, row: int) -> Path:
    return out / STATE / f"simulation_{row:06d}.npy"


def _is_whole(shard: Path, spec: SuiteSpec) -> bool:
    """Whether all maps of a simulation are there; a damaged file counts as missing, and is simulated again."""
    try:
        found = np.load(shard, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError):
        return False
    return bool(found.shape == (3 * spec.n_slabs, spec.grid, spec.grid) and found.dtype == np.float32)


def _shards(spec: SuiteSpec, out: Path) -> Iterator[NDArray[np.float32]]:
    for row in range(spec.n_rows):
        yield np.load(_shard(out, row))
