"""Every table of a folder of PDFs and pictures, as CSV.

python demos/tables_to_csv.py invoices/ tables/
"""

import sys
from pathlib import Path

from vlkit import read_many
from vlkit.errors import VlkitError
from vlkit.sources import expand

if __name__ == "__main__":  # worker processes import this file
    folder, target = sys.argv[1], Path(sys.argv[2])
    target.mkdir(exist_ok=True)
    found = [path for path in expand([folder]) if not isinstance(path, VlkitError)]
    for result in read_many(found):
        if result.document is None:
            print(result.error)
            continue
        for number, table in enumerate(result.document.to_csv(), 1):
            path = target / f"{Path(result.path).stem}-{number}.csv"
            path.write_text(table, encoding="utf-8")
            print(path)
