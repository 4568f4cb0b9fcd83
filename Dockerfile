# Agent and broker: one image. The first stage needs npm and glibc's ldd; what it puts together is all that the image has.
FROM node:26-bookworm-slim AS build
WORKDIR /build
COPY . .
RUN npm ci --omit=dev --no-audit --no-fund && node_modules/.bin/node tools/image-root.ts /image

FROM scratch
COPY --from=build /image /
ENV PATH=/
ENTRYPOINT ["/sonde/node", "/sonde/src/agent/main.ts"]
