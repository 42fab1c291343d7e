# The sidecar: Node, the libraries that it loads, and the bundled program. No shell,
# no package manager, nothing to write to but /state. No BuildKit needed.
ARG BASE=node:24-bookworm-slim
FROM ${BASE} AS build

WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-fund --no-audit
COPY scripts/build.mjs scripts/
COPY src src
RUN node scripts/build.mjs

# The image's whole file system. /state is open to any uid, since a fresh named
# volume takes over the mode of the directory that it is mounted on.
RUN mkdir -p /rootfs/app /rootfs/etc /rootfs/usr/local/bin /rootfs/bundle /rootfs/drops \
 && mkdir -m 1777 /rootfs/state \
 && echo 'root:x:0:0:root:/:/none' > /rootfs/etc/passwd \
 && echo 'root:x:0:' > /rootfs/etc/group \
 && node="$(command -v node)" \
 && cp "$node" /rootfs/usr/local/bin/node \
 && ldd "$node" | grep -o '/[^ ]*' | xargs cp -L --parents -t /rootfs \
 && cp dist/part-* /rootfs/app/ \
 && sed '1s|.*|#!/usr/local/bin/node --disable-sigusr1|' dist/sidecrypt.mjs > /rootfs/app/sidecrypt.mjs \
 && chmod 0755 /rootfs/app/sidecrypt.mjs \
 && ln -s /app/sidecrypt.mjs /rootfs/usr/local/bin/sidecrypt

FROM scratch
COPY --from=build /rootfs/ /

LABEL org.opencontainers.image.title="sidecrypt" \
      org.opencontainers.image.description="Delivers SOPS/age-encrypted secrets to the services of a Docker Compose stack as files in memory, and replaces only the containers whose secrets changed" \
      org.opencontainers.image.licenses="MIT"

ENV PATH=/usr/local/bin MALLOC_ARENA_MAX=1
# Each look is a process of 0.1 s: every 5 s costs 3 % of a core. A stack waits for the first one, so where it has to be
# up sooner its compose file says so.
HEALTHCHECK --interval=5s --timeout=5s --retries=3 --start-period=30s CMD ["sidecrypt", "health"]
# The daemon mostly waits, so memory goes before speed (--jitless; it also means that no machine code is made at run time;
# a small young generation, one helper thread, one arena), and text never becomes code.
ENTRYPOINT ["/usr/local/bin/node", "--disable-sigusr1", "--jitless", "--max-semi-space-size=1", "--v8-pool-size=1", "--disallow-code-generation-from-strings", "/app/sidecrypt.mjs"]
CMD ["run"]
