"""What a build is for: a processor and a Python of Lambda's."""

import platform
import sys
from dataclasses import dataclass

# Lambda's names, and the machine's own in wheel tags. https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html
ARCHITECTURES = {"x86_64": "x86_64", "arm64": "aarch64"}
# From 3.12 on Lambda's Python is on Amazon Linux 2023. That of 3.11 has glibc 2.26, for which numpy has no wheels any more.
PYTHONS = ("3.12", "3.13", "3.14")
_GLIBC_MINOR = 34
# e_machine of an ELF header: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html and the processors' supplements
_ELF_MACHINES = {"x86_64": 62, "arm64": 183}


@dataclass(frozen=True, slots=True)
class Target:
    """`architecture` is one of ARCHITECTURES, `python` one of PYTHONS or, for tests, the one that runs them."""

    architecture: str
    python: str

    def __str__(self) -> str:
        return f"{self.architecture}-py{self.python}"

    @property
    def platforms(self) -> list[str]:
        """The wheel tags that run there, the newest first."""
        machine = ARCHITECTURES[self.architecture]
        return [
            *(f"manylinux_2_{minor}_{machine}" for minor in range(_GLIBC_MINOR, 16, -1)),
            f"manylinux2014_{machine}",
        ]

    @property
    def elf_machine(self) -> int:
        return _ELF_MACHINES[self.architecture]

    @property
    def markers(self) -> dict[str, str]:
        """The variables of environment markers (PEP 508) there. pip takes those of the Python it runs under instead."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": ARCHITECTURES[self.architecture],
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.99",
            "python_version": self.python,
            "sys_platform": "linux",
        }


def host_target() -> Target:
    """Where this very Python could run the functions: what the tests build and start."""
    machine = platform.machine().lower()
    architecture = "arm64" if machine in {"arm64", "aarch64"} else "x86_64"
    return Target(architecture, f"{sys.version_info.major}.{sys.version_info.minor}")
