import dataclasses
import math

import numpy as np
import pytest

from genmetrics._checks import DataError
from genmetrics.comparison import CONDITIONAL, INDEPENDENT, PAIRED, compare, difference, differing_parts
from genmetrics.metrics.frechet import frechet_estimate
from genmetrics.metrics.kernel import kernel_estimate
from genmetrics.records import Record, Score

SIGNATURE = "fd_x|n:9|features:x/f|real:9@ab|revision:1"


def score(value, error=1.0, better="lower", metric="frechet", signature=SIGNATURE):
    return Score(
        metric=metric,
        name=f"{metric}_x",
        value=value,
        low=None,
        high=None,
        std_error=100.0,
        std_error_generated=error,
        interval="",
        better=better,
        n_real=9,
        n_generated=9,
        signature=signature,
    )


def record(*scores, content="a"):
    generated = {"n": 9} if content is None else {"n": 9, "content": content}
    return Record(scores, {"generated": generated}, {}, 0, (), {}, "2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize(
    ("better", "a", "b", "verdict"),
    [
        ("lower", 1.0, 9.0, "a is better"),
        ("lower", 9.0, 1.0, "b is better"),
        ("higher", 1.0, 9.0, "b is better"),
        ("higher", 9.0, 1.0, "a is better"),
        ("lower", 1.0, 1.5, "cannot tell"),
        ("higher", 1.0, 1.0, "cannot tell"),
        ("", 1.0, 9.0, "cannot tell"),
    ],
)
def test_the_verdict_goes_by_direction_and_interval(better, a, b, verdict):
    found = difference(score(a, better=better), score(b, better=better))
    assert found.verdict == verdict
    assert found.value == a - b
    unsure = "; not sure which is better" if better == "" else ""
    assert found.reason == "over both sets of samples, conditional on the reference" + unsure


@pytest.mark.parametrize(
    ("sets", "given"),
    [
        ("", ""),
        ("|real:9@ab", ", conditional on the reference"),
        ("|train:9@ab", ", conditional on the training set"),
        ("|train:9@cd|real:9@ab", ", conditional on the reference"),
    ],
)
def test_what_it_is_conditional_on_are_the_real_images_of_the_signature(sets, given):
    scores = [score(x, signature=f"fd_x{sets}|revision:1") for x in (1.0, 9.0)]
    assert difference(*scores).reason == f"over both sets of samples{given}"


@pytest.mark.parametrize(("metric", "null"), [("two-sample", 0.5), ("ct-score", 0.0)])
def test_without_real_datas_value_the_known_one_of_equal_distributions_stands_in(metric, null):
    """Closer to it on either side; not sure where the middle of both may be it."""
    near, far = (score(null + x, 0.01, "closer to real", metric) for x in (-0.02, 0.3))
    assert difference(near, far).verdict == "a is better"
    assert difference(far, near).verdict == "b is better"
    mirrored = score(null + 0.02, 0.01, "closer to real", metric)
    assert difference(dataclasses.replace(near, value=null - 0.03), mirrored).reason.endswith(
        "; not sure which is better"
    )
    assert difference(*(score(x, 0.01, "closer to real", "auth-pct") for x in (0.5, 0.9))).verdict == "cannot tell"


@pytest.mark.parametrize(
    ("metric", "ends"), [("precision", (-1, 1)), ("auth-pct", (-100, 100)), ("frechet", (-989.97, 989.98))]
)
def test_the_interval_of_a_difference_ends_where_the_metrics_range_does(metric, ends):
    found = difference(score(0.5, 505.09, "higher", metric), score(0.495, 0.0, "higher", metric))
    assert (found.low, found.high) == pytest.approx(ends, abs=0.02)


def test_samples_that_are_the_reference_itself_are_not_judged_against_it():
    inputs = [{"generated": {"n": 9, "content": c}, "real": {"n": 9, "content": "r"}} for c in "rx"]
    blind = "is_x|features:x|revision:1"
    scores = [(score(v), score(v, metric="inception-score", signature=blind)) for v in (0.0, 9.0)]
    a, b = (dataclasses.replace(record(*s), inputs=i) for s, i in zip(scores, inputs, strict=True))
    for pair, name in (((a, b), "a"), ((b, a), "b")):
        frechet, other = compare(*pair)
        assert (frechet.verdict, frechet.low) == ("cannot tell", None)
        assert frechet.reason == f"the samples of {name} are the reference images themselves"
        assert other.verdict.endswith("is better")


def test_the_interval_adds_the_squares_of_both_errors_over_generated_images():
    """Errors 3 and 4 make 5; the standard errors that count the reference too (100) stay out of it."""
    found = difference(score(20.0, 3.0), score(10.0, 4.0))
    assert (found.low, found.high) == pytest.approx((10 - 1.959964 * 5, 10 + 1.959964 * 5), rel=1e-6)
    assert found.verdict == "b is better"  # 10 - 9.8 > 0
    assert difference(score(19.7, 3.0), score(10.0, 4.0)).verdict == "cannot tell"


def test_exchanging_the_records_exchanges_the_signs_and_the_verdict():
    there, back = (difference(*pair) for pair in ((score(1.0), score(9.0)), (score(9.0), score(1.0))))
    assert (there.value, there.low, there.high) == (-back.value, -back.high, -back.low)
    assert (there.verdict, back.verdict) == ("a is better", "b is better")


def test_no_error_and_equal_values_cannot_be_told_apart():
    assert difference(score(1.0, 0.0), score(1.0, 0.0)).verdict == "cannot tell"
    assert difference(score(1.0, 0.0), score(1.1, 0.0)).verdict == "a is better"


def test_different_signatures_are_not_compared_and_the_difference_is_named():
    other = SIGNATURE.replace("n:9", "n:10").replace("@ab", "@cd")
    found = difference(score(1.0), score(9.0, signature=other))
    assert found.verdict == "not comparable"
    assert found.value is found.low is found.high is None
    assert found.reason == "signatures differ: n:9, real:9@ab against n:10, real:9@cd"
    fewer = dataclasses.replace(score(1.0), n_generated=7)
    assert difference(fewer, score(9.0, signature=other)).reason.endswith("score as many images of both: --images 7")


def test_a_part_that_one_signature_lacks_is_shown_as_a_dash():
    assert differing_parts("a|b", "a|b|seed:1") == "- against seed:1"


@pytest.mark.parametrize(("first", "second"), [(None, 1.0), (1.0, None), (None, None)])
def test_without_an_error_there_is_a_difference_but_no_verdict(first, second):
    found = difference(score(1.0, first), score(9.0, second))
    assert found.value == -8
    assert found.low is found.high is None
    assert (found.verdict, found.reason) == ("cannot tell", "no standard error over the generated images")


def test_records_of_the_same_samples_get_no_verdict():
    (found,) = compare(record(score(1.0)), record(score(9.0)))
    assert (found.verdict, found.reason) == ("cannot tell", "both records are of the same samples")
    (found,) = compare(record(score(1.0)), record(score(9.0), content="b"))
    assert found.verdict == "a is better"


def test_records_that_do_not_say_what_they_hold_are_not_taken_for_the_same():
    (found,) = compare(record(score(1.0), content=None), record(score(9.0), content=None))
    assert found.verdict == "a is better"


def test_shared_metrics_are_compared_in_the_order_of_the_first_record():
    a = record(score(1.0, metric="kernel"), score(2.0, metric="frechet"), score(3.0, metric="ddm"))
    b = record(score(1.0, metric="frechet"), score(1.0, metric="kernel"), content="b")
    assert [(found.metric, found.value) for found in compare(a, b)] == [("kernel", 0), ("frechet", 1)]


def test_records_without_a_shared_metric_are_refused_with_what_they_have():
    with pytest.raises(DataError, match=r"\['ddm'\] against \['frechet'\]"):
        compare(record(score(1.0, metric="ddm")), record(score(1.0), content="b"))


def test_the_interval_holds_the_difference_as_often_as_it_says():
    """Two sets of samples against one real set, 400 times: nominal 95%, and 4 binomial errors are 4.4%."""
    rng = np.random.default_rng(1)
    real, far = rng.normal(size=(100, 8)), 0.5
    scores = []
    for _ in range(800):
        found = kernel_estimate(real, rng.normal(size=(100, 8)) + far)
        scores.append(score(found.value, found.std_error_generated))
    pairs = [difference(a, b) for a, b in zip(scores[::2], scores[1::2], strict=True)]
    held = np.mean([pair.low <= 0 <= pair.high for pair in pairs])
    assert held == pytest.approx(0.95, abs=0.044)
    assert not any(math.isnan(pair.value) for pair in pairs)


def influences(*rows):
    return np.array([rows, rows], np.float64)


def paired(value, of_reference, **rest):
    return dataclasses.replace(score(value, **rest), of_reference=of_reference)


def test_paired_on_the_reference_the_variance_of_the_influences_difference_is_added():
    """3^2 + 4^2 of the samples, and var(2, -2, 0) / 3 = 4/3 of the reference images."""
    a, b = paired(20.0, influences(3.0, -2.0, 5.0), error=3.0), paired(10.0, influences(1.0, 0.0, 5.0), error=4.0)
    found = difference(a, b)
    assert found.high - found.value == pytest.approx(1.959964 * math.sqrt(25 + 4 / 3), rel=1e-6)
    assert found.reason == PAIRED


def test_reference_images_that_move_both_values_alike_add_nothing():
    found = difference(paired(20.0, influences(3.0, -9.0, 5.0)), paired(10.0, influences(4.0, -8.0, 6.0)))
    assert found.high - found.value == pytest.approx(1.959964 * math.sqrt(2), rel=1e-6)


@pytest.mark.parametrize("other", [None, influences(1.0, 2.0)])
def test_without_influences_of_the_same_images_on_both_sides_it_is_conditional_on_them(other):
    found = difference(paired(20.0, influences(3.0, -9.0, 5.0)), paired(10.0, other))
    assert found.high - found.value == pytest.approx(1.959964 * math.sqrt(2), rel=1e-6)
    assert found.reason == CONDITIONAL


def test_a_value_of_the_samples_alone_depends_on_no_reference():
    found = difference(score(1.0, signature="is|n:9|revision:1"), score(2.0, signature="is|n:9|revision:1"))
    assert found.reason == INDEPENDENT


def test_an_interval_that_holds_the_training_set_fixed_still_says_so():
    scores = [
        dataclasses.replace(paired(x, influences(0.0, 1.0)), interval="..., conditional on the training set")
        for x in (1.0, 2.0)
    ]
    assert difference(*scores).reason == f"{PAIRED}; conditional on the training set"


def test_parts_against_the_same_parts_of_the_reference_give_the_variance_of_the_difference():
    """Parts' differences 8, 0 and 0, 4: variances 32 and 8, of whose mean two parts make half: 10; Student's t of 2."""
    a, b = (
        dataclasses.replace(score(x), of_parts=np.array(p))
        for x, p in ((20.0, [[9.0, 1], [2, 7]]), (0.0, [[1.0, 1], [2, 3]]))
    )
    found = difference(a, b)
    assert found.high - found.value == pytest.approx(4.302653 * math.sqrt(10), rel=1e-6)
    assert found.reason == PAIRED
    sure = [dataclasses.replace(each, std_error_generated=5.0) for each in (a, b)]
    assert difference(*sure).high - 20 == pytest.approx(1.959964 * math.sqrt(50), rel=1e-6)  # the samples' own


def test_parts_that_were_cut_by_other_seeds_are_not_paired():
    parts = dataclasses.replace(score(20.0), of_parts=np.array([[9.0, 1.0], [2.0, 7.0]]))
    for seed, reason in ((0, PAIRED), (1, CONDITIONAL)):
        other = record(dataclasses.replace(parts, value=0.0), content="b")
        records = record(parts), dataclasses.replace(other, seed=seed)
        assert [pair.reason for pair in compare(*records)] == [reason]


def test_an_error_that_is_no_number_makes_nothing_sure():
    assert difference(score(20.0, error=math.nan), score(1.0)).verdict == "cannot tell"


def test_drawn_anew_the_reference_is_covered_by_the_paired_interval_and_not_by_the_conditional_one():
    """Samples on either side of real images: where these lie by chance moves one distance up, the other down."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        real, near, far = (rng.normal(size=(60, 3)) + shift for shift in (0.0, 0.5, -0.5))
        scores = [
            dataclasses.replace(score(e.value, e.std_error_generated), of_reference=e.of_reference)
            for e in (frechet_estimate(real, near), frechet_estimate(real, far))
        ]
        alone = [dataclasses.replace(each, of_reference=None) for each in scores]
        found.append([pair.low <= 0 <= pair.high for pair in (difference(*scores), difference(*alone))])
    both, conditional = np.mean(found, axis=0)
    assert both == pytest.approx(0.95, abs=0.05)  # 4 binomial errors
    assert conditional < 0.87


def test_a_difference_is_a_value_that_can_be_replaced():
    found = difference(score(1.0), score(2.0))
    assert dataclasses.replace(found, metric="x").metric == "x"


@pytest.mark.parametrize(
    ("a", "b", "real", "verdict"),
    [
        (9.0, 5.0, 2.0, "b is better"),
        (1.0, 5.0, 7.0, "b is better"),
        (1.0, 9.0, 5.0, "cannot tell"),
        (9.0, 5.0, None, "cannot tell"),
    ],
)
def test_closer_to_real_goes_by_the_baseline(a, b, real, verdict):
    baseline = None if real is None else {"value": real}
    scores = [dataclasses.replace(score(x, better="closer to real"), baseline=baseline) for x in (a, b)]
    assert difference(*scores).verdict == verdict


@pytest.mark.parametrize(
    ("a", "b", "reach", "verdict"),
    [
        (4.0, 12.0, 0.9, "a is better"),  # 2 below and 6 above: 4 apart, the baseline counts twice
        (4.0, 12.0, 3.0, "cannot tell"),
        (7.0, 12.0, 3.0, "a is better"),  # both above: the baseline cancels, but for where the middle lies
        (1.0, 6.0, None, "b is better"),
    ],
)
def test_closer_to_real_on_either_side_of_the_baseline_counts_its_error_twice(a, b, reach, verdict):
    baseline = {"value": 6.0, "low": None, "high": None}
    if reach is not None:
        baseline |= {"low": 6.0 - reach, "high": 6.0 + reach}
    scores = [dataclasses.replace(score(x, 0.5, better="closer to real"), baseline=baseline) for x in (a, b)]
    found = difference(*scores)
    assert found.verdict == verdict
    assert ("not sure" in found.reason) == (verdict == "cannot tell")


def test_the_closer_set_is_told_wrongly_in_less_than_5_percent():
    """Two sets as far from real data, on either side, the baseline as uncertain as they: nominal 5%."""
    rng = np.random.default_rng(2)
    told = 0
    for _ in range(1000):
        real = rng.normal()
        baseline = {"value": real, "low": real - 1.96, "high": real + 1.96}
        a, b = (
            dataclasses.replace(score(x, better="closer to real"), baseline=baseline) for x in rng.normal((-8.0, 8.0))
        )
        told += difference(a, b).verdict != "cannot tell"
    assert 20 < told < 80
