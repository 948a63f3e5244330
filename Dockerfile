# syntax=docker/dockerfile:1

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build

# Nothing is written at run time: the file system may be read-only.
FROM node:22-bookworm-slim
# npm keeps no log of `npm run cli`, which it could not write, and needs a home also for a user id without an entry.
ENV NODE_ENV=production HOME=/tmp NPM_CONFIG_LOGS_MAX=0 NPM_CONFIG_UPDATE_NOTIFIER=false
WORKDIR /app
COPY package.json package-lock.json ./
# The embedded Postgres is the only optional part, and production has its own.
RUN npm ci --omit=dev --omit=optional && npm cache clean --force
COPY --from=build /app/dist ./dist
COPY scripts ./scripts
COPY views ./views
COPY public ./public
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["node", "scripts/healthcheck.js"]
# A small space for short-lived objects keeps the process under 120 MiB.
CMD ["node", "--max-semi-space-size=2", "dist/main.js"]
