"""`data.split_seed` chooses the simulations, `training.seed` the rest; what older versions wrote keeps its split."""

from focus_core.config.experiment import parse_config, recorded_config, to_yaml, with_split_seed_of_run
from focus_core.data.split import split_simulations

FILE = "data: {dataset: quick, train_split: 0.75}\ntraining: {seed: 5}\n"


def as_older_versions_wrote(seed: int) -> dict[str, object]:
    plain = parse_config(FILE).to_dict()
    plain["training"]["seed"] = seed
    del plain["data"]["split_seed"]
    return plain


def test_two_seeds_of_one_file_are_validated_on_the_same_simulations() -> None:
    first, second = (parse_config(FILE.replace("seed: 5", f"seed: {seed}")) for seed in (5, 6))
    assert first.data.split_seed == second.data.split_seed == 0
    splits = [split_simulations(64, config.data.train_split, config.data.split_seed) for config in (first, second)]
    assert splits[0] == splits[1]


def test_a_new_file_without_the_key_means_0_and_a_stored_configuration_without_it_its_seed() -> None:
    assert parse_config(FILE).data.split_seed == 0
    assert recorded_config(as_older_versions_wrote(seed=5)).data.split_seed == 5
    written = {**as_older_versions_wrote(seed=5), "data": {"dataset": "quick", "split_seed": 2}}
    assert recorded_config(written).data.split_seed == 2


def test_what_is_written_down_always_names_the_split() -> None:
    assert parse_config(FILE).to_dict()["data"]["split_seed"] == 0
    assert "split_seed: 5" in to_yaml(recorded_config(as_older_versions_wrote(seed=5)))


def test_digests_of_recorded_runs_stay_and_another_split_is_another_run() -> None:
    # Recorded by the version in which training.seed chose the split, for seeds 0 and 5.
    told = {
        0: "92eef327bd2b712a3757688b54c3c1f9a7ee97e4d7f9749565c8ac7b6cdd0f70",
        5: "b175dd64a6d8678a4863666ee9ec8183e437d470fa031f8002dc2cdd2ee8d0ff",
    }
    assert {seed: recorded_config(as_older_versions_wrote(seed)).digest() for seed in told} == told
    assert parse_config(FILE.replace("seed: 5", "seed: 0")).digest() == told[0]
    assert parse_config(FILE).digest() != told[5]


def test_the_file_beside_a_run_keeps_the_runs_split_unless_it_names_one() -> None:
    assert with_split_seed_of_run(parse_config(FILE), 5).data.split_seed == 5
    named = parse_config(FILE.replace("0.75", "0.75, split_seed: 1"))
    assert with_split_seed_of_run(named, 5).data.split_seed == 1
