"""``python lists.py DIRECTORY``: the wheels there share no path, and each holds what is its own; prints how much that is."""

import sys
from pathlib import Path
from zipfile import ZipFile

TOPS = {"hermes_cfn": "hermes_cfn", "hermes_cfn_cloud": "hermes_cloud", "hermes_cfn_analysis": "hermes_analysis"}
CLIENT = {f"hermes_cfn/local/{name}.py" for name in ("__init__", "control", "options", "owner")}


def main(directory: Path) -> None:
    seen: dict[str, str] = {}
    for wheel in sorted(directory.glob("*.whl")):
        name = wheel.name.partition("-")[0]
        with ZipFile(wheel) as archive:
            files = [path for path in archive.namelist() if ".dist-info/" not in path]
            lines = sum(archive.read(path).count(b"\n") for path in files if path.endswith(".py"))
        tops = {path.partition("/")[0] for path in files}
        assert tops == {TOPS[name]}, f"{wheel.name} brings {sorted(tops)}"
        for path in files:
            assert path not in seen, f"{path} is in {wheel.name} and {seen[path]}"
            seen[path] = wheel.name
        modules = sum(path.endswith(".py") for path in files)
        print(
            f"{wheel.name}: {len(files)} files, of them {modules} modules of {lines} lines; {wheel.stat().st_size // 1024} KiB"
        )
    assert len(set(seen.values())) == len(TOPS), f"there are wheels of {sorted(set(seen.values()))}"
    emulator = {path for path in seen if path.startswith("hermes_cfn/local/")}
    assert emulator == CLIENT, (
        f"the product's wheel holds {sorted(emulator - CLIENT)}, and lacks {sorted(CLIENT - emulator)}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
