"""The linear fit against one in float64 that keeps every sample and applies the same rules read by read."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nifsdc.readout.cosmic import CosmicRayTest, forecast_factors, limits
from nifsdc.readout.linear import MOST_READS, Fit, LinearFit
from nifsdc.readout.linear_sums import BLOCK
from nifsdc.readout.quality import Quality

FULL = 50000
TEST = CosmicRayTest(threshold=5.0, minimum=20.0, read_noise=5.4, gain=2.8)


def ramp(seed: int, reads: int, pixels: int, *, hit: float = 0.15) -> np.ndarray:
    """Pixels from dark to quickly saturating, with read noise, photon noise and up to three hits each."""
    rng = np.random.default_rng(seed)
    rate = np.where(rng.random(pixels) < 0.7, rng.exponential(40, pixels), rng.uniform(0, 6000, pixels))
    photons = rng.poisson(rate * TEST.gain, (reads, pixels)) / TEST.gain
    jumps = np.where(rng.random((reads, pixels)) < hit / reads, rng.lognormal(6.0, 1.2, (reads, pixels)), 0.0)
    signal = 3000 + np.cumsum(photons + jumps, axis=0) + rng.normal(0, TEST.read_noise, (reads, pixels))
    return np.clip(np.round(signal), 0, 65535).astype(np.uint16)


# --- the same rules in float64 ----------------------------------------------------------------------------


def spread(n: int) -> float:
    return float(np.sum((np.arange(n) - (n - 1) / 2) ** 2))


def line(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and mean of samples (n, ...)."""
    n = len(samples)
    position = np.arange(n) - (n - 1) / 2
    return np.tensordot(position, samples, 1) / max(spread(n), 1e-300), samples.mean(axis=0)


def slope_noise(n: int) -> float:
    """Variance of a slope through n samples to each of which and all after it unit noise is added."""
    position = np.arange(n) - (n - 1) / 2
    return float(np.sum(np.cumsum(position[::-1])[::-1][1:] ** 2)) / spread(n) ** 2


class Reference:
    def __init__(self, samples: np.ndarray, bad: np.ndarray, test: CosmicRayTest | None, full: int) -> None:
        self.samples = samples.astype(np.float64)
        self.bad, self.test, self.full = bad, test, full
        pixels = samples.shape[1]
        self.stops = np.where(bad, 255, 0)
        self.hits = np.zeros(pixels, int)
        for number in range(len(samples)):
            self._read(number)

    def _read(self, number: int) -> None:
        now, active = self.samples[number], (self.stops == 0) & (self.hits == 0)
        for pixel in np.flatnonzero((self.stops == 0) & (self.hits != 0)):
            if now[pixel] >= self.full or self._second_hit(pixel, number):
                self.stops[pixel] = number + 1
        full = active & (now >= self.full)
        self.stops[full] = number + 1
        if self.test is None or number < 2:
            return
        active &= ~full
        hit = self._jump(number)
        self.hits[active & (hit > 0)] = number + 1
        self.hits[active & (hit < 0)] = number

    def _jump(self, n: int) -> np.ndarray:
        """1 where sample n is a hit, -1 where the one before was."""
        assert self.test is not None
        earlier, now = self.samples[:n], self.samples[n]
        noise, photon = self.test.read_noise**2, 1 / self.test.gain
        slope, mean = line(earlier)
        if n == 2:
            slope = np.minimum(earlier[1] - earlier[0], now - earlier[1])
            jump = now - 2 * earlier[1] + earlier[0]
            variance = 6 * noise + 2 * photon * np.maximum(slope, 0)
        else:
            rate = np.maximum(slope, 0)
            by_line = now - mean - slope * (n + 1) / 2
            by_last = now - earlier[-1] - slope
            a, b, c, d = forecast_factors(n)
            line_variance, last_variance = a * noise + b * photon * rate, c * noise + d * photon * rate
            jump = np.where(line_variance <= last_variance, by_line, by_last)
            variance = np.minimum(line_variance, last_variance)
        far = (np.abs(jump) > self.test.minimum) & (jump**2 > self.test.threshold**2 * variance)
        return np.where(far, np.sign(jump) if n == 2 else jump > 0, 0).astype(int)

    def _segments(self, pixel: int, end: int) -> list[np.ndarray]:
        start = self.hits[pixel] - 1
        return [self.samples[:start, pixel], self.samples[start:end, pixel]]

    def _second_hit(self, pixel: int, n: int) -> bool:
        assert self.test is not None
        parts = self._segments(pixel, n)
        weights = np.array([spread(len(part)) for part in parts])
        slope = sum(w * line(part)[0] for w, part in zip(weights, parts, strict=True)) / weights.sum()
        jump = self.samples[n, pixel] - self.samples[n - 1, pixel] - slope
        walk = sum(
            w**2 * slope_noise(len(part)) for w, part in zip(weights, parts, strict=True) if len(part) > 1
        )
        read = 2 + len(parts[1]) / weights.sum()
        variance = self.test.read_noise**2 * read + max(slope, 0) / self.test.gain * (
            1 + walk / weights.sum() ** 2
        )
        return bool(jump > self.test.minimum and jump**2 > self.test.threshold**2 * variance)

    def fit(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Slope, its variance and the value at the first read, by general least squares."""
        result = np.full((3, self.samples.shape[1]), np.nan)
        kinds = np.stack([self.stops, self.hits])
        for stop, hit in {tuple(kind) for kind in kinds.T.tolist()} - {(255, 0)}:
            chosen = (self.stops == stop) & (self.hits == hit)
            samples = self.samples[: stop - 1 if stop else None, chosen]
            n = len(samples)
            columns = [np.arange(n), np.ones(n)]
            if hit:
                columns.append(np.arange(n) >= hit - 1)
            result[:, chosen] = least_squares(np.stack(columns, axis=1).astype(float), samples)
        return result[0], result[1], result[2]


def least_squares(design: np.ndarray, samples: np.ndarray) -> np.ndarray:
    n, unknowns = design.shape
    if n < 2:
        return (
            np.stack([samples[0] * np.nan, samples[0] * np.nan, samples[0]]) if n else np.full((3, 1), np.nan)
        )
    answer = np.linalg.lstsq(design, samples, rcond=None)[0]
    left = np.sum((samples - design @ answer) ** 2, axis=0)
    free = n - unknowns
    inverse = np.linalg.inv(design.T @ design)[0, 0]
    return np.stack([answer[0], left / free * inverse if free else left * np.nan, answer[1]])


def check(fit: Fit, reference: Reference) -> None:
    slope, variance, intercept = reference.fit()
    np.testing.assert_allclose(fit.slope, slope, rtol=1.3e-7, atol=1e-9)
    # the reference's own rounding: distances of 1e-11 counts to lines of 65,535
    np.testing.assert_allclose(fit.variance, variance, rtol=1.3e-7, atol=1e-9)
    assert fit.intercept is not None
    np.testing.assert_allclose(fit.intercept, intercept, rtol=1.3e-7, atol=1e-6)


# --- tests ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_every_pixel_agrees_with_the_fit_in_float64(seed: int) -> None:
    reads, pixels = 3 + 3 * seed, 2 * BLOCK + 300
    samples = ramp(seed, reads, pixels)
    bad = np.random.default_rng(seed + 100).random(pixels) < 0.01
    total = LinearFit(pixels, saturation=FULL, cosmic=TEST, bad=bad)
    total.add(samples.reshape(-1), 0)
    reference = Reference(samples, bad, TEST, FULL)
    np.testing.assert_array_equal(total.stops, reference.stops)
    np.testing.assert_array_equal(total.hits, reference.hits)
    assert (reference.hits != 0).sum() > 20
    check(total.fit(intercept=True), reference)
    saturated = np.count_nonzero(total.quality & Quality.SATURATED)
    assert total.counts() == (saturated, np.count_nonzero(reference.hits))


def test_the_fit_after_each_read_is_that_of_a_ramp_stopped_there() -> None:
    pixels, reads = 1500, 24
    samples = ramp(77, reads, pixels)
    watched = LinearFit(pixels, saturation=FULL, cosmic=TEST)
    for count in range(1, reads + 1):
        watched.add(samples[count - 1], (count - 1) * pixels)
        seen = watched.fit()
        stopped = LinearFit(pixels, saturation=FULL, cosmic=TEST)
        stopped.add(samples[:count].reshape(-1), 0)
        final = stopped.fit()
        assert seen.reads == final.reads == count
        np.testing.assert_array_equal(seen.slope, final.slope)
        np.testing.assert_array_equal(seen.variance, final.variance)
        np.testing.assert_array_equal(watched.quality, stopped.quality)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.data(), st.integers(1, 3))
def test_pixels_may_come_in_any_pieces_and_parts(seed: int, data: st.DataObject, threads: int) -> None:
    pixels, reads = 2 * BLOCK + 77, 7
    stream = ramp(seed, reads, pixels, hit=0.5).reshape(-1)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    whole = LinearFit(pixels, saturation=FULL, cosmic=TEST)
    whole.add(stream, 0)
    with ThreadPoolExecutor(2) as pool:
        pieces = LinearFit(pixels, saturation=FULL, cosmic=TEST, threads=threads, pool=pool)
        for start, end in itertools.pairwise([0, *cuts, len(stream)]):
            pieces.add(stream[start:end], start)
        one, other = whole.fit(intercept=True), pieces.fit(intercept=True)
    np.testing.assert_array_equal(one.slope, other.slope)
    np.testing.assert_array_equal(one.variance, other.variance)
    np.testing.assert_array_equal(one.intercept, other.intercept)
    np.testing.assert_array_equal(whole.quality, pieces.quality)


def test_within_a_read_the_pixels_that_arrived_have_one_read_more() -> None:
    pixels = 1300
    samples = ramp(5, 6, pixels)
    stopped = LinearFit(pixels, saturation=FULL, cosmic=TEST)
    stopped.add(samples.reshape(-1)[: 5 * pixels + 1100], 0)
    fits = []
    for count in (5, 6):
        whole = LinearFit(pixels, saturation=FULL, cosmic=TEST)
        whole.add(samples[:count].reshape(-1), 0)
        fits.append(whole.fit())
    fit = stopped.fit()
    assert fit.reads == 5
    np.testing.assert_array_equal(fit.slope[:1100], fits[1].slope[:1100])
    np.testing.assert_array_equal(fit.slope[1100:], fits[0].slope[1100:])


def test_the_longest_and_brightest_ramp_is_exact() -> None:
    """254 reads of 65,535: the sums are at their limits, and the fit is that of Python's integers."""
    samples = np.full((MOST_READS, 4), 65535, np.uint16)
    samples[: MOST_READS // 2, 1] = 0
    samples[::2, 2] = 0
    samples[1:, 3] = 0
    total = LinearFit(4)
    total.add(samples.reshape(-1), 0)
    fit = total.fit(intercept=True)
    n = MOST_READS
    for pixel in range(4):
        values = [int(v) for v in samples[:, pixel]]
        moment = 2 * sum(i * v for i, v in enumerate(values)) - (n - 1) * sum(values)
        left = (n * n - 1) * (n * sum(v * v for v in values) - sum(values) ** 2) - 3 * moment**2
        assert fit.slope[pixel] == np.float32(6 * moment / (n * (n * n - 1)))
        assert fit.variance[pixel] == pytest.approx(12 * left / ((n - 2) * (n * (n * n - 1)) ** 2), rel=1e-7)
    with pytest.raises(ValueError, match="at most 254 reads"):
        total.add(samples[0], n * 4)


@pytest.mark.parametrize("at", [1, 2, 3, 10, 19])
def test_a_hit_at_any_read_but_the_first_is_recovered(at: int) -> None:
    """A noiseless line with one jump: the slope is that of the line, S and C say what happened."""
    samples = (1000 + 50 * np.arange(20)[:, None] + np.zeros((20, 3))).astype(np.uint16)
    samples[at:, 1] += 2000
    total = LinearFit(3, saturation=FULL, cosmic=TEST)
    total.add(samples.reshape(-1), 0)
    fit = total.fit(intercept=True)
    assert total.hits.tolist() == [0, at + 1, 0]
    assert total.stops.tolist() == [0, 0, 0]
    assert fit.slope.tolist() == [50.0, 50.0, 50.0]
    assert fit.intercept is not None
    assert fit.intercept.tolist() == [1000.0, 1000.0, 1000.0]
    np.testing.assert_allclose(fit.variance, 0.0, atol=1e-9)
    assert total.quality.tolist() == [0, Quality.COSMIC_RAY, 0]


def test_a_second_hit_and_saturation_end_a_pixel_and_leave_it_its_slope() -> None:
    samples = (1000 + 50 * np.arange(20)[:, None] + np.zeros((20, 5))).astype(np.uint16)
    samples[8:, 0] += 2000
    samples[15:, 0] += 3000
    samples[12:, 1] = 60000
    samples[5:, 2] += 500
    samples[18:, 2] = 60000
    samples[1:, 3] = 60000
    bad = np.array([False, False, False, False, True])
    total = LinearFit(5, saturation=FULL, cosmic=TEST, bad=bad)
    total.add(samples.reshape(-1), 0)
    assert total.stops.tolist() == [16, 13, 19, 2, 255]
    assert total.hits.tolist() == [9, 0, 6, 0, 0]
    fit = total.fit()
    np.testing.assert_array_equal(fit.slope, [50.0, 50.0, 50.0, np.nan, np.nan])
    assert total.quality.tolist() == [
        Quality.COSMIC_RAY | Quality.LOST,
        Quality.SATURATED,
        Quality.COSMIC_RAY | Quality.SATURATED,
        Quality.SATURATED | Quality.NO_VALUE,
        Quality.BAD | Quality.NO_VALUE,
    ]
    assert total.counts() == (3, 2)


def test_room_for_hits_grows() -> None:
    pixels = 8 * BLOCK
    samples = (1000 + 50 * np.arange(8)[:, None] + np.zeros((8, pixels))).astype(np.uint16)
    samples[5:] += 2000
    total = LinearFit(pixels, cosmic=TEST)
    total.add(samples.reshape(-1), 0)
    assert total.counts() == (0, pixels)
    assert np.all(total.fit().slope == 50.0)


def test_clear_begins_anew_and_few_reads_have_no_variance() -> None:
    pixels = 100
    samples = ramp(3, 9, pixels)
    total = LinearFit(pixels, saturation=FULL, cosmic=TEST)
    assert np.isnan(total.fit().slope).all()
    total.add(samples.reshape(-1), 0)
    total.clear()
    assert total.reads == 0
    total.add(samples[0], 0)
    assert np.isnan(total.fit().slope).all()
    total.add(samples[1], pixels)
    two = total.fit(intercept=True)
    good = (samples[:2] < FULL).all(axis=0)
    np.testing.assert_array_equal(two.slope[good], (samples[1] - samples[0].astype(float))[good])
    assert np.isnan(two.variance).all()


def test_pixels_that_are_only_readable_are_taken() -> None:
    chunk = np.frombuffer(np.arange(10, dtype=np.uint16).tobytes(), np.uint16)
    assert not chunk.flags.writeable
    total = LinearFit(5)
    total.add(chunk, 0)
    assert total.fit().slope.tolist() == [5.0] * 5


@pytest.mark.parametrize("n", [2, 3, 5, 30])
def test_forecast_factors_are_the_variances_of_the_forecasts_errors(n: int) -> None:
    """By propagation of errors through the fit's own matrix."""
    design = np.stack([np.ones(n), np.arange(n)], axis=1)
    answer = np.linalg.pinv(design)
    from_line = np.append(-np.array([1, n]) @ answer, 1.0)
    from_last = np.append(-answer[1], 1.0)
    from_last[n - 1] -= 1.0
    photons = np.tril(np.ones((n + 1, n + 1)))[:, 1:]
    expected = [
        f(w) for w in (from_line, from_last) for f in (lambda w: w @ w, lambda w: np.sum((w @ photons) ** 2))
    ]
    np.testing.assert_allclose(forecast_factors(n), expected, rtol=1e-9)


def test_what_is_wrong_is_refused() -> None:
    with pytest.raises(ValueError, match="came where pixel 0 was expected"):
        LinearFit(4).add(np.zeros(4, np.uint16), 4)
    with pytest.raises(ValueError, match="stream order"):
        LinearFit(4, bad=np.zeros(3, np.bool_))
    with pytest.raises(ValueError, match="saturation at 0"):
        LinearFit(4, saturation=0)
    with pytest.raises(ValueError, match="at least one of each"):
        LinearFit(0)
    with pytest.raises(ValueError, match="threshold is 0"):
        CosmicRayTest(threshold=0.0)
    with pytest.raises(ValueError, match="minimum is -1"):
        CosmicRayTest(minimum=-1.0)
    assert np.isinf(limits(TEST, 1)[4])
