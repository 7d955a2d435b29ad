"""Calibration is applied as it is defined."""

from __future__ import annotations

import numpy as np

from cxnlp.calibrate import Calibration, sigmoid, softmax


def test_causes_by_sigmoid_and_emotions_by_softmax() -> None:
    calibration = Calibration(
        np.array([2.0, 1.0, 1.0], np.float32), np.array([1.0, 0.0, 0.5], np.float32), 1
    )
    causes, emotions = calibration.apply(np.array([[0.5, 1.0, 2.0]], np.float32))
    assert np.allclose(causes, sigmoid(np.array([[2.0]])))
    assert np.allclose(emotions, softmax(np.array([[1.0, 2.5]])))
    assert np.isclose(emotions.sum(), 1)


def test_extremes_do_not_overflow() -> None:
    calibration = Calibration(np.ones(3, np.float32), np.zeros(3, np.float32), 1)
    causes, emotions = calibration.apply(np.array([[-1e6, 1e6, -1e6]], np.float32))
    assert causes.tolist() == [[0.0]]
    assert emotions.tolist() == [[1.0, 0.0]]
