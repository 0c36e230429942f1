"""report.html and history.html in a real browser: charts drawn from the data, filters, sorting, no
errors, no network.

Arguments: the build folder, then unittest's. Screenshots go to tests/page/ in the build folder.
"""

import copy
import json
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from command import run

BUILD = Path(sys.argv.pop(1)).resolve()
SKIPPED = 77  # of ctest
try:
    from selenium import webdriver
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select, WebDriverWait
except ImportError:
    webdriver = None
if webdriver is None or not shutil.which("chromium") or not shutil.which("chromedriver"):
    print("needs chromium, chromium-driver and python3-selenium")
    sys.exit(SKIPPED)

ATTACK = "</script><script>window.attacked = 1</script><img src=x onerror='window.attacked = 1'>"
SHOTS = BUILD / "tests/page"


def browser(width=1280, height=1000, dark=False):
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                     "--disable-dev-shm-usage", f"--window-size={width},{height}"):
        options.add_argument(argument)
    if dark:
        options.add_argument("--force-dark-mode")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.chrome.service.Service(shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=service)


def many_cases(result, count):
    """`result` with its cases again and again on other problems, and hostile names."""
    cases, big = result["rnnbench"]["cases"], copy.deepcopy(result)
    big["rnnbench"]["cases"] = []
    for place in range(count):
        one = copy.deepcopy(cases[place % len(cases)])
        one["problem"]["batch"] = 1 + place // len(cases)
        one["scenario"] = ATTACK if place % 2 else "plain"
        one["impl"] = one["impl"] + f" {place % 4}"
        big["rnnbench"]["cases"].append(one)
    big["rnnbench"]["environment"]["tags"] = {"note": ATTACK}
    return big


class InBrowser(unittest.TestCase):
    def quiet(self, driver=None):
        """No console errors, nothing fetched, nothing executed."""
        driver = driver or self.driver
        self.assertEqual([line for line in driver.get_log("browser") if line["level"] == "SEVERE"], [])
        self.assertEqual(driver.execute_script(
            "return performance.getEntriesByType('resource').map((one) => one.name)"), [])
        self.assertIsNone(driver.execute_script("return window.attacked ?? null"))

    def chart(self, name):
        """The datasets of a chart, once it is drawn."""
        self.driver.execute_script(f"document.getElementById('{name}').scrollIntoView()")
        script = f"""const chart = Chart.getChart('{name}');
            return chart ? chart.data.datasets.map((one) => [one.label, one.data]) : null"""
        return dict(WebDriverWait(self.driver, 10).until(lambda d: d.execute_script(script)))


class Page(InBrowser):
    @classmethod
    def setUpClass(cls):
        SHOTS.mkdir(parents=True, exist_ok=True)
        cls.scratch = Path(tempfile.mkdtemp(prefix="page-", dir=BUILD))
        cls.addClassCleanup(shutil.rmtree, cls.scratch)
        run(BUILD / "rnnbench", "--cell", "gru", "--batch", "1,2,4", "--hidden", "8,16", "--seq", "6",
            "--dtype", "f32", "--device", "cpu", "--impl", "naive,blas", "--repetitions", "3",
            "--min-time", "0.002", "--metrics", "none", "--quiet", "--out", cls.scratch / "run",
            env={**os.environ, "RNNBENCH_CACHE": str(BUILD / "tests/cache")})
        cls.result = json.loads((cls.scratch / "run/results.json").read_text())
        big = cls.scratch / "big/results.json"
        big.parent.mkdir()
        big.write_text(json.dumps(many_cases(cls.result, 2000)))
        run(BUILD / "rnnbench", "report", big, "--format", "html")
        cls.driver = browser()
        cls.addClassCleanup(cls.driver.quit)

    def open(self, folder, driver=None):
        driver = driver or self.driver
        driver.get((self.scratch / folder / "report.html").as_uri())
        return driver

    def medians(self, **wanted):
        return {one["impl"]: one["time"]["median"] for one in self.result["rnnbench"]["cases"]
                if all(one["problem"][name] == value for name, value in wanted.items())}

    def choose(self, place, text):
        selects = self.driver.find_elements(By.CSS_SELECTOR, f"#{place} .choices select")
        for select in selects:
            if any(text == option.text for option in Select(select).options):
                Select(select).select_by_visible_text(text)
                return
        self.fail(f"no choice {text}")

    def rows(self, place):
        return self.driver.execute_script(
            f"return [...document.querySelectorAll('#{place} tbody tr')]"
            ".map((row) => [...row.cells].map((cell) => cell.innerText))")

    def test_growth_is_drawn_from_the_medians(self):
        self.open("run")
        for axis, fixed, values in (("batch", {"hidden": 8}, [1, 2, 4]),
                                    ("hidden units", {"batch": 1}, [8, 16])):
            self.chart("growth")
            self.choose("time", axis)
            lines = self.chart("growth")
            for impl in ("cpu:naive", "cpu:blas"):
                self.assertEqual([point["x"] for point in lines[impl]], values)
                name = "batch" if axis == "batch" else "hidden"
                wanted = [self.medians(**fixed, **{name: value})[impl] for value in values]
                self.assertEqual([point["y"] for point in lines[impl]], wanted)
                for low, middle, high in zip(lines[impl + ", low"], lines[impl], lines[impl + ", high"]):
                    self.assertLessEqual(low["y"], middle["y"])
                    self.assertLessEqual(middle["y"], high["y"])
        self.driver.save_screenshot(str(SHOTS / "growth.png"))
        self.quiet()

    def test_samples_are_those_of_the_problem(self):
        self.open("run")
        drawn = self.chart("samples")
        first = self.result["rnnbench"]["cases"][0]
        taken = first["samples"]["seconds"]
        self.assertEqual(len(drawn[first["impl"]]), min(100, len(taken)))
        self.assertIn(drawn[first["impl"]][0]["y"], taken)
        self.quiet()

    def test_filters_leave_what_is_asked_for(self):
        self.open("run")
        self.assertEqual(len(self.rows("cases")), 12)
        field = self.driver.find_element(By.NAME, "problem")
        field.send_keys("h16 b2")
        WebDriverWait(self.driver, 5).until(lambda d: len(self.rows("cases")) == 2)
        self.assertTrue(all("gru_b2_t6_i16_h16" in row[1] for row in self.rows("cases")))
        self.assertEqual(self.driver.find_element(By.ID, "shown").text, "2 of 12 cases")
        self.driver.find_element(By.CSS_SELECTOR, "#filters summary").click()
        self.driver.find_element(By.CSS_SELECTOR, "input[value='cpu:naive']").click()
        WebDriverWait(self.driver, 5).until(lambda d: len(self.rows("cases")) == 1)
        self.assertEqual(self.rows("cases")[0][0], "cpu:blas")
        field.send_keys(" nothing")
        WebDriverWait(self.driver, 5).until(lambda d: "No case fits" in d.page_source)
        self.quiet()

    def test_columns_sort_by_value(self):
        self.open("run")
        by_name = {(one["impl"], one["problem"]["batch"], one["problem"]["hidden"]): one["time"]["median"]
                   for one in self.result["rnnbench"]["cases"]}
        head = self.driver.find_element(By.XPATH, "//section[@id='cases']//th[button='median']")
        for order, sign in (("ascending", 1), ("descending", -1)):
            head.find_element(By.TAG_NAME, "button").send_keys("\n")  # by keyboard
            self.assertEqual(head.get_attribute("aria-sort"), order)
            found = []
            for row in self.rows("cases"):
                batch, hidden = (int(part[1:]) for part in
                                 (row[1].split("_")[1], row[1].split("_")[4]))
                found.append(sign * by_name[row[0], batch, hidden])
            self.assertEqual(found, sorted(found))

    def test_speed_ups_are_shown_by_problem(self):
        self.open("run")
        rows = self.rows("speed-up")
        self.assertEqual(len(rows), 6)
        self.assertTrue(all(row[1].endswith("x") and row[2].endswith("x") for row in rows))

    def test_many_cases_with_hostile_names(self):
        self.open("big")
        spent = self.driver.execute_script("""const all = performance.getEntriesByType('navigation')[0];
            return all.loadEventEnd - all.startTime""")
        print(f"2,000 cases: {spent:.0f} ms")
        self.assertLess(spent, 2000 * float(os.environ.get("RNNBENCH_SLOWER", "1")))
        self.assertEqual(self.driver.find_element(By.ID, "shown").text, "2000 of 2000 cases")
        self.assertEqual(len(self.rows("cases")), 200)
        self.assertIn(ATTACK, self.driver.find_element(By.TAG_NAME, "body").text)
        self.chart("growth")
        more = self.driver.find_element(By.CSS_SELECTOR, "#cases .more button")
        self.driver.execute_script("arguments[0].click()", more)
        count = "return document.querySelectorAll('#cases tbody tr').length"
        self.assertEqual(self.driver.execute_script(count), 2000)
        self.quiet()

    def test_dark_and_narrow(self):
        for name, settings in (("dark", {"dark": True}), ("phone", {"width": 400, "height": 900})):
            driver = browser(**settings)
            try:
                self.open("run", driver)
                driver.save_screenshot(str(SHOTS / f"{name}.png"))
                self.quiet(driver)
                wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
                self.assertLessEqual(driver.execute_script(wide), 0, "the page itself scrolls sideways")
            finally:
                driver.quit()


def commits(result, folder):
    """A store of 14 commits; from the ninth on the first implementation takes a fifth more."""
    program = BUILD / "rnnbench"
    for place in range(14):
        one = copy.deepcopy(result)
        for case in one["rnnbench"]["cases"]:
            slower = 1.2 if place >= 8 and case["impl"] == "cpu:naive" else 1
            case["time"] = dict.fromkeys(case["time"], 0) | {
                "n": 3, "median": 1e-3 * slower * (1 + 0.001 * (place % 3)),
                "ci_low": 0.99e-3 * slower, "ci_high": 1.02e-3 * slower}
            case["scenario"] = "plain"
        file = folder / "run.json"
        file.write_text(json.dumps(one))
        run(program, "history", "add", file, "--store", folder / "store", "--commit", f"{place:040x}",
            "--time", f"2026-01-{place + 1:02d}")


class History(InBrowser):
    @classmethod
    def setUpClass(cls):
        SHOTS.mkdir(parents=True, exist_ok=True)
        cls.scratch = Path(tempfile.mkdtemp(prefix="history-", dir=BUILD))
        cls.addClassCleanup(shutil.rmtree, cls.scratch)
        run(BUILD / "rnnbench", "--cell", "gru", "--batch", "1", "--hidden", "8,16", "--seq", "6",
            "--device", "cpu", "--impl", "naive,blas", "--repetitions", "3", "--min-time", "0.002",
            "--metrics", "none", "--quiet", "--format", "json", "--out", cls.scratch / "run",
            env={**os.environ, "RNNBENCH_CACHE": str(BUILD / "tests/cache")})
        result = json.loads((cls.scratch / "run/results.json").read_text())
        commits(result, cls.scratch)
        hostile = copy.deepcopy(result)
        for case in hostile["rnnbench"]["cases"]:
            case["scenario"] = ATTACK
        file = cls.scratch / "hostile.json"
        file.write_text(json.dumps(hostile))
        run(BUILD / "rnnbench", "history", "add", file, "--store", cls.scratch / "store", "--commit", ATTACK)
        run(BUILD / "rnnbench", "history", "html", "--store", cls.scratch / "store", "--commit-url",
            "https://example.org/commit/{}")
        cls.driver = browser()
        cls.addClassCleanup(cls.driver.quit)

    def setUp(self):
        self.driver.get((self.scratch / "store/history.html").as_uri())

    def test_trends_are_drawn_with_their_changes(self):
        lines = self.chart("trend0")
        self.assertEqual([point["x"] for point in lines["cpu:naive"]], list(range(14)))
        self.assertAlmostEqual(lines["cpu:naive"][0]["y"], 1e-3)
        self.assertAlmostEqual(lines["cpu:naive"][8]["y"], 1.2e-3 * 1.002)
        self.assertAlmostEqual(lines["cpu:naive, high"][8]["y"], 1.2 * 1.02e-3)
        self.assertAlmostEqual(lines["cpu:blas"][8]["y"], 1e-3 * 1.002)
        marks = self.driver.execute_script(
            "return Chart.getChart('trend0').data.datasets.filter((one) => one.line)"
            ".map((one) => one.pointRadius)")
        self.assertIn([9 if place == 8 else 3 for place in range(14)], marks)
        self.assertIn([3] * 14, marks)
        rows = self.driver.execute_script(
            "return [...document.querySelector('tbody').rows].map((row) => [...row.cells].map((c) => c.innerText))")
        self.assertEqual(len(rows), 2)  # of two problems, one implementation
        for row in rows:
            self.assertEqual(row[:2], [f"{8:040x}"[:9], "cpu:naive"])
            self.assertAlmostEqual(float(row[6]), 1.2, delta=0.005)
        link = self.driver.find_element(By.CSS_SELECTOR, "tbody a")
        self.assertEqual(link.get_attribute("href"), f"https://example.org/commit/{8:040x}")
        self.driver.save_screenshot(str(SHOTS / "history.png"))
        self.quiet()

    def test_filters_and_hostile_names(self):
        shown = self.driver.find_element(By.ID, "shown")
        self.assertEqual(shown.text, "4 of 4 charts")
        self.assertIn(ATTACK, self.driver.find_element(By.TAG_NAME, "main").text)
        self.driver.find_element(By.NAME, "changed").click()
        self.assertEqual(shown.text, "2 of 4 charts")
        self.driver.find_element(By.NAME, "problem").send_keys("h16")
        self.assertEqual(shown.text, "1 of 4 charts")
        self.driver.find_element(By.NAME, "series").send_keys("naive")
        self.assertEqual(list(self.chart("trend0"))[-1], "cpu:naive")
        self.driver.find_element(By.NAME, "series").send_keys("blas")
        self.assertEqual(shown.text, "0 of 4 charts")
        self.quiet()


if __name__ == "__main__":
    unittest.main()
