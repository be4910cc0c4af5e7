"""Numbers and texts of a configuration file mean what YAML 1.2 says, and text where text is asked for."""

from pathlib import Path

from plait import Pipeline, step


@step
def fit(rate: float = 0.1, other=0.1, either: float | str = 0.1, extra: dict[str, object] = {}) -> str:
    return repr((rate, other, either, extra))


@step
def mail(zip: str = "", country: str = "", tags: list[str] = []) -> str:
    return repr((zip, country, tags))


@step
def octal(n=0, m=0) -> str:
    return repr((n, m))


Path("c.yaml").write_text("params: {fit: {rate: 1e-3, other: 1e-3, either: 1e-3, extra: {lr: 1e-3, at: 12:30:45}}}")
print(Pipeline("p", [fit]).with_config("c.yaml").run(store=None, listeners=[]).result)
for line in ("zip: 01234", "country: no", "tags: [01, no, 1.10]"):
    Path("c.yaml").write_text("params: {mail: {" + line + "}}")
    print(Pipeline("p", [mail]).with_config("c.yaml").run(store=None, listeners=[]).result)
Path("c.yaml").write_text("params: {octal: {n: 017, m: 0o17}}")
print(Pipeline("p", [octal]).with_config("c.yaml").run(store=None, listeners=[]).result)
