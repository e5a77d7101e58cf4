"""Kernel folders: files on disk that are device code for one chip each.

A tree's walk hands its paths to `recognise.recognise`, each folder that comes back to `plan.plan_folder`,
which only reads, and the plan to `remove.remove`, which deletes. A module of this package that has a `FORM`
takes part by being there.
"""
