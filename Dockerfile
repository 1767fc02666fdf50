# Footnote for CPUs: docker build -t footnote . && docker run -p 127.0.0.1:7860:7860 -v papers:/data footnote
FROM python:3.11-slim AS build
WORKDIR /build
COPY . .
# torch first and alone, as the Makefile says. Where the default build is one for GPUs, name the place of
# PyTorch's builds for CPUs, which its own page says: docker build --build-arg TORCH_INDEX=ADDRESS
ARG TORCH_INDEX=
RUN python -m venv /opt/footnote \
 && /opt/footnote/bin/pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
      "$(grep '^torch==' constraints.txt)" \
 && /opt/footnote/bin/pip install --no-cache-dir -c constraints.txt .

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home --home-dir /data footnote
COPY --from=build /opt/footnote /opt/footnote
# Nothing is written but the index in /data and uploads in /tmp: --read-only --tmpfs /tmp works.
ENV PATH=/opt/footnote/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/data \
    FOOTNOTE_INDEX=/data/index \
    FOOTNOTE_WEB__REPORTS=/data/reports
USER footnote
WORKDIR /data
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s CMD ["python", "-c", \
  "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/health', timeout=4)"]
# Others reach it here, so it starts with tokens or users alone: footnote token new NAME.
CMD ["footnote", "serve", "--host", "0.0.0.0"]
