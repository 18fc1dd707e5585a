"""The metrics once more, as loops over pixels or in the words of the original programs."""

import math

import numpy as np
from scipy import ndimage
from skimage import measure


def literal_gradient_magnitude(picture, sigma=1.4, epsilon=1e-2):
    def gauss(x):
        return math.exp(-(x**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))

    def slope(x):
        return -x * gauss(x) / sigma**2

    half = math.ceil(sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * epsilon)))
    kernel = np.zeros((2 * half + 1, 2 * half + 1))
    for row in range(2 * half + 1):
        for column in range(2 * half + 1):
            kernel[row, column] = gauss(row - half) * slope(column - half)
    kernel /= math.sqrt((np.abs(kernel) ** 2).sum())
    across = ndimage.convolve(picture, kernel, mode="nearest")
    down = ndimage.convolve(picture, kernel.T, mode="nearest")
    return np.sqrt(across**2 + down**2)


def literal_gradient_error(alpha, alpha_true, region):
    difference = literal_gradient_magnitude(alpha) - literal_gradient_magnitude(alpha_true)
    return (difference**2 * region).sum() / 1000


def literal_connectivity_error(alpha, alpha_true, region):
    thresholds = [step / 10 for step in range(11)]
    level = -np.ones(alpha.shape)
    for step in range(1, 11):
        both = (alpha >= thresholds[step]) & (alpha_true >= thresholds[step])
        labels = measure.label(both, connectivity=1)
        body = np.zeros(alpha.shape, bool)
        if labels.max():
            body = labels == np.argmax(np.bincount(labels.ravel())[1:]) + 1
        level[(level == -1) & ~body] = thresholds[step - 1]
    level[level == -1] = 1
    total = 0.0
    for row in range(alpha.shape[0]):
        for column in range(alpha.shape[1]):
            connectedness = []
            for picture in (alpha, alpha_true):
                excess = picture[row, column] - level[row, column]
                connectedness.append(1 - excess * (excess >= 0.15))
            total += abs(connectedness[0] - connectedness[1]) * region[row, column]
    return total / 1000


def literal_dtssd(alpha, alpha_true):
    pairs = []
    for now in range(1, len(alpha)):
        change = (alpha[now] - alpha[now - 1]) - (alpha_true[now] - alpha_true[now - 1])
        pairs.append(math.sqrt((change**2).sum() / change.size))
    return sum(pairs) / len(pairs) * 100


def literal_messddt(alpha, alpha_true, flow):
    count, height, width = alpha.shape
    pairs = []
    for t in range(count - 1):
        total = 0.0
        for row in range(height):
            for column in range(width):
                x = min(max(column + round(flow[t, row, column, 0]), 0), width - 1)
                y = min(max(row + round(flow[t, row, column, 1]), 0), height - 1)
                before = (alpha[t, row, column] - alpha_true[t, row, column]) ** 2
                after = (alpha[t + 1, y, x] - alpha_true[t + 1, y, x]) ** 2
                total += abs(before - after)
        pairs.append(total / (height * width))
    return sum(pairs) / len(pairs) * 1000
