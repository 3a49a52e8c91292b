"""The first thing that runs in the unpacked folder: from here on it is freellm as everywhere else."""

import sys

HERE = __file__.rpartition("/")[0]


class Lost:
    """Asked last for a module: one that was packed and is not found has been deleted, as programs that tidy
    caches do. The next start unpacks everything again."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        with open(HERE + "/modules.txt", encoding="utf-8") as file:
            if name not in file.read().split("\n"):
                return
        import os

        if os.path.exists(HERE + "/held"):
            os.unlink(HERE + "/held")
        raise ImportError(
            f"{name} has been deleted from {HERE}; started again, freellm brings it back"
        )


sys.path.append(HERE + "/site")
sys.meta_path.append(Lost)
sys.frozen = True
sys.executable = sys._xoptions["freellm"]
sys.argv[0] = sys.executable

from freellm_cli.__main__ import main  # noqa: E402

sys.exit(main())
