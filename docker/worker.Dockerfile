# Training and sampling workers. On Linux, torch from PyPI brings CUDA with it (about 3 GB); for processors alone:
#     --build-arg PIP_EXTRA_INDEX_URL=… of torch's CPU wheels
FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
# The source belongs to the one who runs it: `docker compose up --watch` changes it in place.
RUN groupadd --gid 10001 focus && useradd --uid 10001 --gid focus --no-create-home focus \
    && mkdir /focus && chown focus:focus /focus
WORKDIR /app
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
COPY --chown=10001:10001 pyproject.toml constraints.txt README.md LICENSE ./
COPY --chown=10001:10001 focus_core ./focus_core
COPY --chown=10001:10001 focus_store ./focus_store
COPY --chown=10001:10001 migrations ./migrations
COPY --chown=10001:10001 worker ./worker
RUN pip install --no-cache-dir -c constraints.txt -e ".[science,postgresql,s3]"
COPY --chown=10001:10001 tasks ./tasks
USER 10001:10001
VOLUME /focus
CMD ["python", "-m", "celery", "-A", "worker.celery_app", "worker", "-Q", "train", "--pool", "prefork", "--concurrency", "1", "-n", "train@%h", "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]
