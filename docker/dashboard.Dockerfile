# The pages, and `focus-lab migrate`. Without torch: pages read the record and arrays that workers computed.
FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
# The source belongs to the one who runs it: `docker compose up --watch` changes it in place.
RUN groupadd --gid 10001 focus && useradd --uid 10001 --gid focus --no-create-home focus \
    && mkdir /focus && chown focus:focus /focus
WORKDIR /app
# First what seldom changes. Another index, a mirror say, goes in as --build-arg PIP_INDEX_URL=….
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
COPY --chown=10001:10001 pyproject.toml constraints.txt README.md LICENSE ./
COPY --chown=10001:10001 focus_core ./focus_core
COPY --chown=10001:10001 focus_store ./focus_store
COPY --chown=10001:10001 migrations ./migrations
COPY --chown=10001:10001 worker ./worker
COPY --chown=10001:10001 dashboard ./dashboard
RUN pip install --no-cache-dir -c constraints.txt -e ".[postgresql,s3]"
COPY --chown=10001:10001 tasks ./tasks
USER 10001:10001
VOLUME /focus
EXPOSE 8501
CMD ["python", "-m", "dashboard.serve", "--port", "8501", "--address", "0.0.0.0"]
