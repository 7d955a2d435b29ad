# The REST door and its page, with the model inside; see `cxnlp serve --help`.
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY cxnlp cxnlp
COPY models/champion models/champion
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim
COPY --from=build /wheels /wheels
RUN python -m pip install --no-cache-dir "$(ls /wheels/cxnlp-*.whl)[serve]" && rm -r /wheels
RUN useradd --system --uid 10001 --no-create-home cxnlp
USER 10001
WORKDIR /tmp
ENV OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=2)"]
STOPSIGNAL SIGTERM
CMD ["cxnlp", "serve", "--host", "0.0.0.0", "--port", "8000"]
