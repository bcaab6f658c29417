"""Ready-made tasks: requests and commands, beside functions of your own.

`http` tries again what may work the next time, bounds what comes in and, when a server says
`Retry-After`, comes back later without keeping a worker. `shell` runs a command: what it writes
appears line by line, an exit code other than 0 is a failure that shows the last of them, and what
the command has started ends with it. Both are ordinary tasks: `.map`, `.options` and the fields of
what they return work as always. (Values belong behind the text of a command, as "$1": there no
character of theirs means anything to the shell.)

Try:  python examples/local_site.py, and in another terminal, with an address that it prints,
      taskflow run examples/09_shell_and_http.py --site http://127.0.0.1:...
"""

import re
from pathlib import Path

import local_site

import taskflow
from taskflow import current, pipeline, task
from taskflow.tasks import http
from taskflow.tasks.shell import shell

FREQUENT_WORDS = r"""
    cat *.html | sed -n '/<article>/,/<.article>/p' | sed 's/<[^>]*>//g' |
    tr A-Z a-z | tr -cs a-z '\n' | awk 'length >= 6' |
    sort | uniq -c | sort -k1,1nr -k2 | awk -v top="$1" 'NR <= top'
"""


@task
def targets(sitemap: str, folder: Path) -> list[tuple[str, Path]]:
    """Each page of a sitemap, with the file to save it in."""
    urls = re.findall(r"<loc>(.*?)</loc>", sitemap)
    return [(url, folder / url.rpartition("/")[2]) for url in urls]


@task
def report(pages: list[http.Response], words: list[str]) -> str:
    """How many pages were saved, and their most frequent words."""
    return "\n".join([f"{len(pages)} pages saved; frequent words:", *words])


@pipeline
def shell_and_http(site: str, top: int = 3) -> str:
    """Save the pages of a site and find their most frequent words."""
    folder = Path(current.run_dir or ".")
    sitemap = http.get(f"{site}/sitemaps/articles.xml")
    pages = http.download.options(retry_delay="50ms").starmap(targets(sitemap.text, folder))
    words = shell.options(after=pages)(FREQUENT_WORDS, top, cwd=folder, env={"LC_ALL": "C"})
    return report(pages, words.lines)


if __name__ == "__main__":
    with local_site.serve(delay_seconds=0.1) as site:
        print(taskflow.run(shell_and_http, site=site.url))
