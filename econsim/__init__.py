"""econsim: how small firms adopt AI in a diverse and in a restrictive ecosystem."""


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("econsim")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
