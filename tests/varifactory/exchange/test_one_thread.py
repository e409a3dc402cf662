import json
import subprocess
import sys

OVERLAPPING = """
import json
from threading import Event, Thread
import numpy, sklearn.svm
from threadpoolctl import threadpool_info
from varifactory.exchange.one_thread import one_thread

def limits():
    return sorted({each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"})

def inside(entered, leave):
    with one_thread():
        entered.set()
        leave.wait()

def enter():
    entered, leave = Event(), Event()
    thread = Thread(target=inside, args=(entered, leave))
    thread.start()
    entered.wait()
    return thread, leave

seen = [limits()]
for _ in range(2):
    first, last = enter(), enter()
    for thread, leave in (first, last):
        seen.append(limits())
        leave.set()
        thread.join()
    seen.append(limits())
print(json.dumps(seen))
"""


def test_one_thread_holds_until_the_last_has_left_and_no_longer() -> None:
    told = subprocess.run(
        [sys.executable, "-c", OVERLAPPING], capture_output=True, text=True, check=False,
        env={"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    before, *seen = json.loads(told.stdout)
    assert seen == [[1], [1], before, [1], [1], before]
