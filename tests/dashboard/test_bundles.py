"""The script of a page, put together of its modules: it does what they do."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from dashboard import bundles

STATIC = Path(__file__).parents[2] / "static" / "js"
MODULES = {path.name: path.read_text() for path in STATIC.glob("*.js")}
# Prints whether two scripts are the same but for comments and the places of words.
SAME = """
import * as acorn from "acorn";
const [one, two] = JSON.parse(await new Response(process.stdin).text());
const tree = (text) =>
  JSON.stringify(acorn.parse(text, { ecmaVersion: "latest", sourceType: "module" }), (key, value) =>
    key === "start" || key === "end" ? undefined : value);
process.stdout.write(String(tree(one) === tree(two)));
"""


def run(script: str, given: str = "") -> str:
    node = shutil.which("node")
    assert node, "Node is not installed (Debian: apt install nodejs)"
    words = [node, "--input-type=module", "--eval", script]
    return subprocess.run(words, input=given, capture_output=True, text=True, check=True, cwd=STATIC, timeout=60).stdout


def put_together(**modules: str) -> str:
    return bundles.bundle("page.js", {f"{name}.js": text for name, text in modules.items()}.__getitem__)


def test_all_forms_of_import_and_export_keep_their_meaning() -> None:
    bundle = put_together(
        page="""
import { add, total as sum } from "./sums.js";
import * as names from "./names.js";
import {
  later,
  Box,
} from "./boxes.js";
import "./noise.js";

later().then((four) => console.log(add(1, 2), sum, names.$, names.outer, new Box(3).value, four));
""",
        sums="""
import { one } from "./names.js";
export function add(a, b) {
  return a + b;
}
const total = add(one, 1);
export { total };
""",
        names='export const $ = "dollar";\nexport const one = 1;\nexport { value as outer } from "./deep/inner.js";\n',
        boxes="""
export class Box {
  constructor(value) {
    this.value = value;
  }
}
export async function later() {
  return 4;
}
""",
        noise='console.log("noise");\n',
        **{"deep/inner": 'import { one } from "../names-too.js";\nexport const value = one + 9;\n'},
        **{"names-too": "export const one = 1;\n"},
    )
    assert run(bundle).split() == ["noise", "3", "2", "dollar", "10", "3", "4"]


def test_a_module_that_several_import_runs_once() -> None:
    bundle = put_together(
        page='import "./left.js";\nimport "./right.js";\n',
        left='import { list } from "./shared.js";\nlist.push("left");\n',
        right='import { list } from "./shared.js";\nlist.push("right");\nconsole.log(list.join());\n',
        shared="export const list = [];\n",
    )
    assert run(bundle).strip() == "left,right"


def test_names_of_different_modules_are_kept_apart() -> None:
    bundle = put_together(
        page='import { said } from "./other.js";\nconst secret = 1;\nconsole.log(said, secret);\n',
        other="const secret = 2;\nexport const said = secret;\n",
    )
    assert run(bundle).split() == ["2", "1"]


def test_modules_of_a_page_are_not_in_its_later_script(tmp_path: Path) -> None:
    """Each module runs once, and what is in the page's script is not in the later one."""
    modules = {
        "page.js": 'import { list } from "./list.js";\nlist.push("page");\nexport const first = list[0];\nimport(later);\n',
        "page-later.js": """import { first } from "./page.js";
import { list } from "./list.js";
import { add } from "./add.js";
add("later");
console.log(first, list.join());
""",
        "list.js": 'export const list = [];\nlist.push("list");\n',
        "add.js": 'import { list } from "./list.js";\nexport const add = (name) => list.push(name);\n',
    }
    assert bundles.entries(modules) == ["page-later.js", "page.js"]
    page = bundles.bundle("page.js", modules.__getitem__, is_shared=True)
    later = bundles.bundle("page-later.js", modules.__getitem__)
    assert 'push("list")' not in later and later.startswith("import { module0, module1 } from ")
    (tmp_path / "page.js").write_text(page.replace("import(later)", 'import("./page-later.js")'))
    (tmp_path / "page-later.js").write_text(later)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    assert run(f'import "{(tmp_path / "page.js").as_uri()}";').strip() == "list list,page,later"


def test_imported_style_sheets_are_put_in_their_places() -> None:
    sheets = {
        "css/page.css": '/* The page. */\n\n@import "one.css";\n@import "two.css";\np { margin: 0; }\n',
        "css/one.css": "/* Of two\n   lines. */\na { color: red; } /* kept */\n",
        "css/two.css": '@import "one.css";\nb { background: url("../img/x.svg"); }\n',
    }
    link = "a { color: red; } /* kept */\n"
    whole = f'\n{link}{link}b {{ background: url("../img/x.svg"); }}\np {{ margin: 0; }}\n'
    assert bundles.style_entries(sheets) == ["css/page.css", "css/two.css"]
    assert bundles.style_sheet("css/page.css", sheets.__getitem__) == whole


@pytest.mark.parametrize(
    "line", ['import one from "./one.js";', "export default 1;", "export let many = 1;", 'export * from "./one.js";']
)
def test_another_form_is_refused(line: str) -> None:
    with pytest.raises(bundles.BundleError, match=r"page\.js: .* is not in a form"):
        put_together(page=f"{line}\n", one="")


def test_a_circle_is_refused() -> None:
    with pytest.raises(bundles.BundleError, match=r"circle: page\.js -> one\.js -> page\.js"):
        put_together(page='import "./one.js";\n', one='import "./page.js";\n')


def test_only_whole_lines_of_comments_go() -> None:
    text = '// gone\nconst kept = "// kept"; // kept\n/**\n * gone * too\n */\nconsole.log(kept);\n  /** gone */\n'
    assert put_together(page=text).count("gone") == 0
    assert run(put_together(page=text)).strip() == "// kept"


@pytest.mark.parametrize("entry", bundles.entries(MODULES))
def test_a_page_loses_nothing_but_comments(entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of a template literal may look like a comment: then this fails."""
    without = bundles.bundle(entry, MODULES.__getitem__)
    monkeypatch.setattr(bundles, "without_comments", lambda text: text)
    whole = bundles.bundle(entry, MODULES.__getitem__)
    assert run(SAME, json.dumps([without, whole])) == "true"
    assert len(without) < len(whole) or "/**" not in whole


def test_each_entry_is_named_by_a_page() -> None:
    templates = [path.read_text() for path in (STATIC.parents[1] / "templates").rglob("*.html")]
    for entry in bundles.entries(MODULES):
        assert any(f"js/{entry}" in template for template in templates), f"no page names {entry}"
