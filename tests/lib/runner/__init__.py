# SPDX-License-Identifier: Apache-2.0
"""The driver behind tests/run: builds, discovers, runs, counts."""
