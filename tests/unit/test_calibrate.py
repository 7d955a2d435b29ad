"""Calibration is applied as it is defined."""

from __future__ import annotations

import numpy as np

from cxnlp.calibrate import Calibration, sigmoid, softmax


def test_causes_by_sigmoid_and_emotions_by_softmax() -> None:
    calibration = Calibration(
        np.array([[2.0, 1.0, 1.0]], np.float32), np.array([1.0, 0.0, 0.5], np.float32), 1, 2
    )
    causes, emotions = calibration.apply(np.array([[0.5, 1.0, 2.0]], np.float32))
    assert np.allclose(causes, sigmoid(np.array([[2.0]])))
    assert np.allclose(emotions, softmax(np.array([[1.0, 2.5]])))
    assert np.isclose(emotions.sum(), 1)


def test_extremes_do_not_overflow() -> None:
    calibration = Calibration(np.ones((1, 3), np.float32), np.zeros(3, np.float32), 1, 2)
    causes, emotions = calibration.apply(np.array([[-1e6, 1e6, -1e6]], np.float32))
    assert causes.tolist() == [[0.0]]
    assert emotions.tolist() == [[1.0, 0.0]]


def test_a_cause_is_never_likelier_than_a_complaint() -> None:
    ones, zeros = np.ones((1, 4), np.float32), np.zeros(4, np.float32)
    calibration = Calibration(ones, zeros, 1, 2)
    assert calibration.gated
    logits = np.array([[2.0, 0.0, 0.0, 1.0], [9.0, 0.0, 0.0, -9.0]], np.float32)
    causes, emotions = calibration.apply(logits)
    expected = sigmoid(logits[:, 0]) * sigmoid(logits[:, 3])
    assert np.allclose(causes[:, 0], expected, atol=1e-6)
    assert causes[1, 0] < 0.001
    assert emotions.shape == (2, 2)
    assert calibration.towards(0).tolist() == [1, 0, 0, 1]
    assert calibration.towards(1).tolist() == [0, 1, 0, 0]


def test_parts_are_stacked_each_with_its_own_slope() -> None:
    slope = np.array([[1.0, 2.0, 2.0], [3.0, 0.5, 0.5]], np.float32)
    calibration = Calibration(slope, np.array([0.5, 0.0, 0.0], np.float32), 1, 2)
    logits = np.array([[0.2, 1.0, 0.0, -0.4, 2.0, 1.0]], np.float32)
    causes, emotions = calibration.apply(logits)
    assert np.allclose(causes, sigmoid(np.array([[0.2 * 1 - 0.4 * 3 + 0.5]])))
    assert np.allclose(emotions, softmax(np.array([[1.0 * 2 + 2.0 * 0.5, 0.0 * 2 + 1.0 * 0.5]])))
    assert not calibration.gated
    assert calibration.towards(0).tolist() == [1, 0, 0, 3, 0, 0]
