FROM node:20-bookworm-slim AS build
WORKDIR /tagih
COPY package.json .npmrc ./
RUN npm install --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY migrations migrations
RUN npm run build

FROM node:20-bookworm-slim
ENV NODE_ENV=production
WORKDIR /tagih
COPY package.json .npmrc ./
# The embedded PostgreSQL is an optional package, and not for production.
RUN npm install --omit=dev --omit=optional --ignore-scripts && npm cache clean --force
COPY bin bin
COPY --from=build /tagih/dist dist
USER node
EXPOSE 3000
# node itself, not npm: the signal to stop must reach the program.
ENTRYPOINT ["node", "bin/tagih.mjs"]
CMD ["serve"]
