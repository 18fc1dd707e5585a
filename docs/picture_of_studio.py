"""Make the picture of the studio in the README: the sample, cut, in a real browser.

    python docs/picture_of_studio.py

Writes docs/pictures/studio.jpg. Apart from make_pictures.py because it needs Chromium, and
Playwright of the extra dev. Run it again after the weights or the page changed.
"""

import io
import sys

from picture_sheets import HERE, write
from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.append(str(HERE.parent / "tests"))
from browsers import chromium, running_studio

SIZE = {"width": 1280, "height": 820}
ACROSS = 1100  # pixels of the picture


def main() -> None:
    """Open the page, cut the sample, and keep what is to be seen."""
    path = chromium()
    if path is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    with running_studio() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
        page.goto(address)
        page.click("#sample")
        page.wait_for_selector('body[data-revision="1"]', timeout=120_000)
        page.wait_for_selector("#busy", state="hidden")
        page.mouse.move(0, 0)
        page.wait_for_load_state("networkidle")
        shown = page.screenshot(animations="disabled")
        browser.close()
    sheet = Image.open(io.BytesIO(shown)).convert("RGB")
    size = (ACROSS, round(sheet.height * ACROSS / sheet.width))
    write(sheet.resize(size, Image.Resampling.LANCZOS), "studio")


if __name__ == "__main__":
    main()
