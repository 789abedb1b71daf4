import json
import re

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from genmetrics._checks import DataError
from genmetrics.analyses import ais_chains
from genmetrics.analyses.ais import ais_bdmc, ais_log_likelihood, ais_sweep, loose
from genmetrics.analyses.ais_chains import Chains, Schedule
from genmetrics.cli import main

pytestmark = pytest.mark.filterwarnings("ignore:.* carry the weight")  # runs too short to be right
W = np.random.default_rng(0).normal(size=(5, 2))
B = np.random.default_rng(1).normal(size=5)
VARIANCE = 0.3


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Linear(torch.nn.Module):
    """z -> W z + b, in float64."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = torch.nn.Parameter(torch.tensor(W)), torch.nn.Parameter(torch.tensor(B))

    def forward(self, z):
        return z @ self.weight.T + self.bias


def exact(images, variance=VARIANCE):
    """log N(x; b, W W^T + variance I)."""
    covariance = torch.tensor(W @ W.T + variance * np.eye(5))
    return torch.distributions.MultivariateNormal(torch.tensor(B), covariance).log_prob(torch.tensor(images)).numpy()


def drawn(n, seed=2, variance=VARIANCE):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)) @ W.T + B + np.sqrt(variance) * rng.normal(size=(n, 5))


@pytest.mark.parametrize("variance", [VARIANCE, 0.02])
def test_a_linear_decoders_likelihood_is_found_within_a_tenth_of_a_nat(variance):
    """Of 40 images, each off by 0.17 at random at variance 0.02: their mean by 0.03, and 0.02 too low."""
    images = drawn(40, variance=variance)
    found = ais_log_likelihood(Linear(), images, 2, variance, temperatures=1000)
    assert found.value == pytest.approx(exact(images, variance).mean(), abs=0.1)
    assert found.acceptance > 0.6
    assert found.per_image.shape == (40,)
    assert (found.effective_chains > 1).all()


@pytest.mark.parametrize(
    ("effective", "chains", "noted"),
    [
        ([1.0, 1.9, 9.0], 16, "about 1.9 of 16 chains"),
        ([1.0, 2.0, 9.0], 16, None),
        ([3.9, 3.9], 40, "about 3.9 of 40 chains .* over 2 images"),
        ([4.0, 4.0], 40, None),
        ([1.0], 1, "about 1.0 of 1 chain "),
    ],
)
def test_few_effective_chains_of_the_median_image_are_noted(effective, chains, noted):
    notes = loose(np.array(effective), chains)
    assert len(notes) == (noted is not None)
    assert noted is None or re.match(f"{noted}.*more temperatures", notes[0])


@pytest.mark.filterwarnings("error")
def test_a_loose_bound_warns_and_a_tight_one_does_not():
    """A hard decoder and three temperatures, against an easy one and a hundred."""
    with pytest.warns(UserWarning, match="carry the weight") as caught:
        found = ais_log_likelihood(Linear(), drawn(3), 2, 1e-3, temperatures=3)
    assert found.notes == (str(caught[0].message),)
    assert caught[0].filename == __file__
    assert ais_log_likelihood(Linear(), drawn(3), 2, VARIANCE, temperatures=100).notes == ()


def test_the_step_of_an_image_does_not_depend_on_how_narrow_the_posteriors_of_others_are():
    """G(z) = z + z^3 rises 76 times as fast at 5 as at 0."""
    z = torch.tensor([[0.0, 0.0], [5.0, 5.0]], dtype=torch.float64)

    def step_sizes(rows):
        chains = Chains(lambda z: z + z**3, (z + z**3)[rows], z[rows].repeat(50, 1, 1), 0.02, 0, 0.1)
        for _ in range(60):
            chains.move(1.0, 10)
        return chains.step_size.flatten().tolist()

    wide, narrow = step_sizes([0, 1])
    assert wide == pytest.approx(step_sizes([0])[0], rel=0.3)
    assert narrow < wide / 10


def test_steps_follow_the_acceptance_within_thirty_temperatures():
    """At the prior's step nothing is accepted at once under a narrow posterior: it falls by a factor of 10 or more."""
    chains = Chains.prior(Linear(), torch.tensor(drawn(4)), 2, 1e-3, 16, 0)
    for _ in range(30):
        chains.move(1.0, 10)
    assert (chains.step_size < ais_chains.LARGEST / 10).all()


def test_chains_move_from_the_first_temperature_on():
    """At the prior the largest step is accepted, and a trajectory of ten of them leaves the place it began at."""
    chains = Chains.prior(Linear(), torch.tensor(drawn(5)), 2, VARIANCE, 400, 0)
    start = chains.z.flatten().numpy()
    chains.move(0.0, 10)
    assert chains.accepted > 0.9
    assert np.corrcoef(start, chains.z.flatten().numpy())[0, 1] < 0.5


def test_the_reverse_run_begins_with_the_step_that_the_forward_one_ended_with(monkeypatch):
    steps = []
    move = Chains.move

    def recorded(self, exponent, leapfrog):
        before = self.step_size
        move(self, exponent, leapfrog)
        steps.append((before, self.step_size))

    monkeypatch.setattr(Chains, "move", recorded)
    ais_bdmc(Linear(), 2, 0.02, n=5, temperatures=100, chains=2)
    assert (steps[0][0] == ais_chains.LARGEST).all()
    assert (steps[99][0] == steps[98][1]).all()
    assert (steps[99][0] < ais_chains.LARGEST).all()


def test_both_bounds_hold_the_truth_of_simulated_images():
    found = ais_bdmc(Linear(), 2, VARIANCE, n=60, temperatures=400, chains=8)
    truth = exact(found.images)
    below, above = found.per_image_lower - truth, found.per_image_upper - truth
    assert below.mean() <= 2 * below.std() / np.sqrt(60)
    assert above.mean() >= -2 * above.std() / np.sqrt(60)
    assert found.gap == found.upper - found.lower
    assert abs(found.gap) < 0.5


@pytest.mark.parametrize("chains", [1, 2])
def test_weights_average_to_the_likelihood_although_steps_follow_few_chains(chains):
    """exp(bound - truth) has mean 1, the identity AIS rests on; steps that follow one chain's fate do not bend it."""
    images = drawn(3000)
    found = ais_log_likelihood(Linear(), images, 2, VARIANCE, temperatures=60, chains=chains, leapfrog=3)
    ratio = np.exp(found.per_image - exact(images))
    assert ratio.mean() == pytest.approx(1, abs=4 * ratio.std() / np.sqrt(3000))
    assert ratio.std() < 2


def test_one_jump_from_the_prior_is_importance_sampling():
    """Two temperatures: the weight is the likelihood at the first latents, whatever the move after."""
    images = drawn(3)
    found = ais_log_likelihood(Linear(), images, 2, VARIANCE, temperatures=2, chains=4, seed=5)
    z = torch.randn(4, 3, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64).numpy()
    square = ((images - (z @ W.T + B)) ** 2).sum(axis=2)
    logs = -square / (2 * VARIANCE) - 5 / 2 * np.log(2 * np.pi * VARIANCE)
    np.testing.assert_allclose(found.per_image, np.logaddexp.reduce(logs) - np.log(4), rtol=1e-12)


def test_moves_leave_the_tempered_posterior_alone():
    """Exact posterior draws at exponent 1, moved 30 times: mean and covariance stay."""
    x = torch.tensor(drawn(1)).repeat(4000, 1)
    covariance = np.linalg.inv(np.eye(2) + W.T @ W / VARIANCE)
    mean = covariance @ W.T @ (x[0].numpy() - B) / VARIANCE
    z = torch.tensor(np.random.default_rng(3).multivariate_normal(mean, covariance, 4000))
    chains = Chains.posterior(Linear(), x, z, VARIANCE, 4, 0.01)
    for _ in range(30):
        chains.move(1.0, 10)
    found = chains.z[0].numpy()
    np.testing.assert_allclose(found.mean(axis=0), mean, atol=5 * np.sqrt(covariance.max() / 4000))
    np.testing.assert_allclose(np.cov(found.T), covariance, atol=0.15 * covariance.max())
    assert not np.allclose(found, z.numpy())


def test_the_schedule_is_a_sigmoid_from_0_to_1():
    schedule = Schedule.sigmoid(5).exponents
    s = 1 / (1 + np.exp(-np.linspace(-4, 4, 5)))
    np.testing.assert_allclose(schedule, (s - s[0]) / (s[-1] - s[0]), rtol=1e-12)
    assert Schedule.sigmoid(5).reversed().exponents == schedule[::-1]


def test_a_sweep_is_one_run_for_each_variance():
    images = drawn(2)
    found = ais_sweep(Linear(), images, 2, (0.1, 0.5), temperatures=20, chains=2)
    assert {v: r.value for v, r in found.items()} == {
        v: ais_log_likelihood(Linear(), images, 2, v, temperatures=20, chains=2).value for v in (0.1, 0.5)
    }


def test_a_killed_run_goes_on_to_the_same_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(ais_chains, "KEEP_EVERY", 0)
    images, file = drawn(3), tmp_path / "run.pt"
    settings = {"temperatures": 30, "chains": 2}

    def killed(items, label, total):
        for i, item in enumerate(items):
            if i == 12:
                raise KeyboardInterrupt
            yield item

    whole = ais_log_likelihood(Linear(), images, 2, VARIANCE, **settings)
    with pytest.raises(KeyboardInterrupt):
        ais_log_likelihood(Linear(), images, 2, VARIANCE, **settings, checkpoint=file, progress=killed)
    assert torch.load(file, weights_only=True)["at"] == 12
    again = ais_log_likelihood(Linear(), images, 2, VARIANCE, **settings, checkpoint=file)
    np.testing.assert_array_equal(again.per_image, whole.per_image)
    with pytest.raises(DataError, match="checkpoint of another run"):
        ais_log_likelihood(Linear(), images, 2, 0.2, **settings, checkpoint=file)
    file.write_bytes(b"no checkpoint")
    with pytest.raises(DataError, match="is no checkpoint"):
        ais_log_likelihood(Linear(), images, 2, VARIANCE, **settings, checkpoint=file)


@pytest.mark.parametrize(
    ("decoder", "message"),
    [
        (lambda z: z[:, :1] @ torch.ones(2, 5), "fails on latents of width 2 .*RuntimeError.*; is that its width"),
        (lambda z: None, "makes NoneType of 2 latents"),
        (lambda z: z.sum(), r"makes \(\) of 2 latents"),
        (lambda z: z[:1], r"makes \(1, 2\) of 2 latents"),
        (lambda z: z / 0, "NaN or inf"),
        (lambda z: z.detach(), "no gradient"),
        (lambda z: z.detach() * torch.ones(1, requires_grad=True), "no gradient"),
    ],
)
def test_a_decoder_that_cannot_serve_is_refused_at_once(decoder, message):
    with pytest.raises(DataError, match=message):
        ais_log_likelihood(decoder, np.zeros((3, 2)), 2, VARIANCE)
    with pytest.raises(DataError, match=message):
        ais_bdmc(decoder, 2, VARIANCE, n=3)


def test_a_decoder_of_directions_may_be_undefined_at_0():
    found = ais_log_likelihood(lambda z: z / z.norm(dim=1, keepdim=True), np.ones((2, 2)), 2, 1.0, temperatures=5)
    assert np.isfinite(found.value)


def test_what_cannot_be_kept_or_run_is_refused_before_the_decoder_is_asked(tmp_path):
    def asked(z):
        raise AssertionError

    (tmp_path / "file").touch()
    for kept, message in (
        (tmp_path / "nowhere" / "run.pt", "there is no folder .*nowhere; make it first"),
        (tmp_path, "is a folder"),
        (tmp_path / "file" / "run.pt", "there is no folder"),
    ):
        with pytest.raises(DataError, match=message):
            ais_log_likelihood(asked, np.zeros((3, 2)), 2, VARIANCE, checkpoint=kept)
    for run in (
        lambda: ais_log_likelihood(asked, np.zeros((3, 2)), 2, 1.0, device="gpu"),
        lambda: ais_bdmc(asked, 2, 1.0, device="gpu"),
    ):
        with pytest.raises(DataError, match="device 'gpu' cannot be used here"):
            run()


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="is it the decoder of these images"):
        ais_log_likelihood(Linear(), np.zeros((2, 4)), 2, VARIANCE)
    with pytest.raises(DataError, match="pass floats"):
        ais_log_likelihood(Linear(), np.zeros((2, 5), np.uint8), 2, VARIANCE)
    with pytest.raises(DataError, match="1 of 2 hold NaN"):
        ais_log_likelihood(Linear(), np.array([[0.0] * 5, [np.nan] * 5]), 2, VARIANCE)
    with pytest.raises(ValueError, match="obs_var must be a finite number above 0"):
        ais_log_likelihood(Linear(), drawn(2), 2, 0.0)
    with pytest.raises(ValueError, match="temperatures must be at least 2"):
        ais_log_likelihood(Linear(), drawn(2), 2, 1.0, temperatures=1)


DECODER = "import torch\ndef decode(z):\n    return torch.sigmoid(z).repeat_interleave(8, dim=1).view(-1, 1, 4, 4)\n"


def test_the_command_line_gives_numbers_json_and_bounds(tmp_path):
    (tmp_path / "d.py").write_text(DECODER)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 256, (5, 4, 4, 1), dtype=np.uint8))
    common = ["--decoder", f"{tmp_path / 'd.py'}:decode", "--latent-dim", "2", "--temperatures", "10", "--chains", "2"]
    run = CliRunner().invoke(
        main, ["ais", str(tmp_path / "x.npy"), *common, "--obs-var", "0.1,0.2", "--json", "--n", "3"]
    )
    assert run.exit_code == 0, run.output
    rows = json.loads(run.stdout)
    assert [row["obs_var"] for row in rows] == [0.1, 0.2]
    assert len(rows[0]["per_image"]) == 3
    assert "carry the weight" in rows[0]["notes"][0]
    run = CliRunner().invoke(main, ["ais", str(tmp_path / "x.npy"), *common, "--obs-var", "0.1", "--n", "3"])
    assert re.search(r"note: about 1\.\d of 2 chains carry the weight .*more temperatures", run.stdout)
    run = CliRunner().invoke(main, ["ais", *common, "--obs-var", "0.1", "--bdmc", "--n", "4"])
    assert run.exit_code == 0, run.output
    assert "gap" in run.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--obs-var", "0.1"], 2, "name IMAGES"),
        (["--obs-var", "x", "--bdmc"], 2, "numbers above 0"),
        (["--obs-var", "0.1", "--bdmc", "--decoder", "nowhere:f"], 1, "cannot import nowhere"),
        (["--obs-var", "0.1", "--bdmc", "--decoder", "math:nothing"], 1, "no function 'nothing'"),
        (["--obs-var", "0.1", "--bdmc"], 1, "the decoder fails on latents of width 2"),
        (["--obs-var", "0.1", "--bdmc", "--device", "gpu"], 1, "device 'gpu' cannot be used here"),
        (["--obs-var", "0.1", "nowhere", "--checkpoint", "no/x.pt"], 1, "checkpoint no/x.pt: there is no folder"),
    ],
)
def test_the_command_line_says_what_is_wrong(arguments, code, message):
    run = CliRunner().invoke(main, ["ais", "--decoder", "math:sin", "--latent-dim", "2", *arguments])
    assert run.exit_code == code
    assert message in run.output


def test_progress_is_told():
    seen = []

    def progress(items, label, total):
        seen.append((label, total))
        return items

    ais_bdmc(Linear(), 2, VARIANCE, n=2, temperatures=5, chains=1, progress=progress)
    assert seen == [("AIS", 4), ("reverse AIS", 4)]
