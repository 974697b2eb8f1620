"""Background jobs in a Trio program of your own: submit them here, work at them here or in any number of other processes."""

import time

import trio
from trio_lab import JobFunctions, NewJob, job_progress, open_job_worker, open_sqlite_jobs

functions = JobFunctions()


@functions.register()
def make_report(pages: int) -> dict[str, int]:
    for page in range(pages):
        time.sleep(0.01)
        job_progress(page / pages)
    return {"pages": pages}


async def main() -> None:
    async with open_sqlite_jobs("own-jobs.sqlite") as jobs, open_job_worker(jobs, functions):
        id = await jobs.submit(NewJob(name="make_report", args={"pages": 5}, max_tries=3))
        job = await jobs.ended(id)
        assert job is not None
        print(f"job {job.id} has {job.state} after {job.tries} try: {job.result}")


if __name__ == "__main__":
    trio.run(main)
