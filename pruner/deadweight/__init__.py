"""Dead weight: what lies in an installation and no program of the image ever opens.

Apart from device code for other chips, which `pruner.library` takes out by looking into files, this goes by
policy: tables of text that say what goes, why, and how much it weighs. `python -m pruner.deadweight` carries
them out on a tree; `policy` reads them, `plan` looks at the tree, `carry` changes it.
"""
