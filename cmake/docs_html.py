#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The documents as web pages: docs_html.py SOURCE DIRECTORY

Markdown is read by python3-markdown, manual pages by mandoc. Links between documents stay links; those to files that are
no documents lead to copies. index.html is the README, with a search over all headings and texts.
"""
import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

try:
    import markdown
except ImportError:
    sys.exit("python3-markdown is missing; `cmake -P cmake/docs.cmake` installs it, or says how")

STYLE = """
body { max-width: 54rem; margin: 1rem auto; padding: 0 1rem; font: 1rem/1.5 sans-serif; color: #222; background: #fff }
pre { overflow-x: auto; padding: .6rem; background: #f4f4f4 } code { font-size: .95em }
table { border-collapse: collapse; display: block; overflow-x: auto } td, th { border: 1px solid #ccc; padding: .2rem .5rem }
nav a { margin-right: .8rem } img { max-width: 100% } #found a { display: block }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } pre { background: #242424 } a { color: #8bf } }
"""
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="stylesheet" href="{up}style.css"></head><body>
<nav><a href="{up}index.html">uffd_guard</a><a href="{up}docs/README.html">Documents</a>
<a href="{up}docs/man/uffd_guard.7.html">Manual</a><a href="{up}search.html">Search</a></nav>
{body}
</body></html>
"""
SEARCH = """<h1>Search</h1>
<p><input id="words" size="40" placeholder="words, such as: refresh damage" autofocus></p><div id="found"></div>
<script src="search.js"></script>
<script>
const words = document.getElementById("words"), found = document.getElementById("found");
words.oninput = () => {
  const wanted = words.value.toLowerCase().split(/\\s+/).filter(word => word);
  found.textContent = "";
  if (!wanted.length) return;
  for (const [url, title, text] of sections.filter(s => wanted.every(w => s[3].includes(w))).slice(0, 50)) {
    const link = document.createElement("a");
    link.href = url;
    link.textContent = title + ": " + text.slice(0, 100);
    found.append(link);
  }
};
</script>
"""


def slug(text, _separator):
    """What links call a heading: as GitHub does."""
    text = re.sub(r"[^\w\- ]", "", text.strip().lower())
    return text.replace(" ", "-")


class Site:
    def __init__(self, source, directory):
        self.source, self.directory = source, directory
        self.sections, self.copied, self.missing, self.manual = [], set(), [], {}

    def write(self, name, title, body):
        target = self.directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * (len(Path(name).parts) - 1)
        target.write_text(PAGE.format(title=html.escape(title), up=up, body=body))
        self.note_sections(name, title, body)

    def note_sections(self, name, title, body):
        parts = re.split(r'<h[1-4][^>]*?id="([^"]*)"[^>]*>(.*?)</h[1-4]>', body, flags=re.S)
        for anchor, heading, text in zip(parts[1::3], parts[2::3], parts[3::3]):
            heading, text = (html.unescape(" ".join(re.sub(r"<[^>]+>", " ", t).split())) for t in (heading, text))
            self.sections.append([f"{name}#{anchor}", f"{title}: {heading}", text, f"{title} {heading} {text}".lower()])

    def link(self, page, target):
        """Where a link of a document leads in the pages."""
        path, _, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return target
        file = Path(os.path.normpath(page.parent / path))
        anchor = f"#{anchor}" if anchor else ""
        if not (self.source / file).exists():
            self.missing.append(f"{page}: {target}")
        if file.suffix == ".md":
            return (path[: -len(".md")] if file != Path("README.md") else path.replace("README.md", "index")) + ".html" + anchor
        if file.parent == Path("docs/man") and file.suffix:
            return path + ".html" + anchor
        if (self.source / file).is_file():
            self.copied.add(file)
        elif (self.source / file).is_dir():
            self.copied.update(f.relative_to(self.source) for f in (self.source / file).rglob("*") if f.is_file())
        return path + anchor

    def add_markdown(self, page):
        text = (self.source / page).read_text()
        body = markdown.markdown(text, extensions=["tables", "fenced_code", "sane_lists", "toc"],
                                 extension_configs={"toc": {"slugify": slug}}, tab_length=2)
        body = re.sub(r'(href|src)="([^"]*)"', lambda m: f'{m[1]}="{self.link(page, html.unescape(m[2]))}"', body)
        title = re.search(r"^# (.*)$", text, re.M)[1]
        name = "index.html" if page == Path("README.md") else str(page.with_suffix(".html"))
        self.write(name, title, body)

    def pages_by_name(self):
        """Which file has the page of each name: some have several."""
        if not self.manual:
            for file in (self.source / "docs/man").glob("*.[1-9]"):
                names = re.search(r"^\.Sh NAME\n(.*?)^\.Nd", file.read_text(), re.M | re.S)[1]
                for name in re.findall(r"^\.Nm (\S+)", names, re.M):
                    self.manual[f"{name}{file.suffix}.html"] = f"{file.name}.html"
        return self.manual

    def link_manual(self, link):
        """A reference to another page: a link if it is one of ours, else a text."""
        there = self.pages_by_name().get(link[1])
        return f'<a class="Xr" href="{there}">{link[2]}</a>' if there else link[2]

    def add_manual(self, page):
        made = subprocess.run(["mandoc", "-Thtml", "-Ofragment,man=%N.%S.html", str(self.source / page)], check=True,
                              capture_output=True, text=True)
        body = re.sub(r'<a class="Xr" href="([^"]*)">(.*?)</a>', self.link_manual, made.stdout, flags=re.S)
        self.write(f"{page}.html", f"{page.stem}({page.suffix[1:]})", body)

    def finish(self):
        for file in self.copied:
            target = self.directory / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.source / file, target)
        sections = json.dumps([[u, t, x[:200], w] for u, t, x, w in self.sections])
        (self.directory / "search.js").write_text(f"const sections = {sections};\n")
        (self.directory / "style.css").write_text(STYLE)
        self.write("search.html", "Search", SEARCH)

    def dead_links(self):
        """Links within the pages that lead nowhere, also to headings."""
        anchors = {}
        for file in self.directory.rglob("*.html"):
            anchors[file.resolve()] = set(re.findall(r'id="([^"]*)"', file.read_text()))
        for file in anchors:
            for target in re.findall(r'href="([^"]*)"', file.read_text()):
                path, _, anchor = html.unescape(target).partition("#")
                if re.match(r"[a-z]+:", path):
                    continue
                there = (file.parent / path).resolve() if path else file
                if not there.exists() or (anchor and there in anchors and anchor not in anchors[there]):
                    yield f"{file.relative_to(self.directory.resolve())}: {target}"


def main():
    source, directory = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    if not shutil.which("mandoc"):
        sys.exit("mandoc is missing; `cmake -P cmake/docs.cmake` installs it, or says how")
    shutil.rmtree(directory, ignore_errors=True)
    site = Site(source, directory)
    for pattern, add in (("*.md", site.add_markdown), ("docs/**/*.md", site.add_markdown), ("docs/man/*.[1-9]", site.add_manual)):
        for file in sorted(source.glob(pattern)):
            add(file.relative_to(source))
    site.finish()
    dead = site.missing + sorted(site.dead_links())
    for link in dead:
        print(f"leads nowhere: {link}")
    print(f"{len(list(directory.rglob('*.html')))} pages, {len(site.sections)} sections: {directory}/index.html")
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(main())
