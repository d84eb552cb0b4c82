"""What others do, on the same worlds and judged by the same evaluation.

A baseline gives scores to units (accounts, components, links); a unit is alerted on when its score reaches a threshold,
which is chosen on worlds without campaigns so that the budget of false alerts is kept. A unit that is a single account
counts as a cluster of one, so that the first account found is the campaign found: more than fair.
"""
