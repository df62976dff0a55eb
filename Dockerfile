# The sandbox: docker build -t brevo-balance-sandbox . && docker run --rm -p 127.0.0.1:8080:8080 brevo-balance-sandbox
# It prints "listening on http://0.0.0.0:8080/v3"; from the host it is http://127.0.0.1:8080/v3.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY brevo_balance_async ./brevo_balance_async
RUN pip install --no-cache-dir --prefix /install .

FROM python:3.13-slim
COPY --from=build /install /usr/local
RUN useradd --create-home sandbox && mkdir /state && chown sandbox /state
USER sandbox
VOLUME /state
EXPOSE 8080
STOPSIGNAL SIGINT
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/_sandbox/health', timeout=2)"]
# Options go behind the name of the image: --rph 600 --strict --state /state/sandbox.db
ENTRYPOINT ["python", "-m", "brevo_balance_async.sandbox", "--host", "0.0.0.0", "--allow-public", "--port", "8080"]
