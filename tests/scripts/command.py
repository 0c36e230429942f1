"""Runs a command for a test: its output, or a failure that shows it."""

import subprocess


def run(*command, env=None, cwd=None):
    done = subprocess.run([str(part) for part in command], env=env, cwd=cwd, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}\n{done.stdout}\n"
                             f"exit code {done.returncode}")
    return done.stdout
