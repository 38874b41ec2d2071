// An example of ours, and not a product: refresh tokens with Express, jsonwebtoken and Redis in the way that many
// tutorials show. express-redis.mjs PORT REDIS_PORT. Two processes.
import cluster from "node:cluster";
import { randomUUID } from "node:crypto";
import express from "express";
import { Redis } from "ioredis";
import jwt from "jsonwebtoken";

const [port, redisPort] = process.argv.slice(2);
const ACCESS = "the access secret of this example", REFRESH = "the refresh secret of this example", DAYS = 7;

function serve() {
  const redis = new Redis(Number(redisPort));
  const app = express();
  app.use(express.json());

  async function issue(user) {
    const jti = randomUUID();
    const accessToken = jwt.sign({ sub: user }, ACCESS, { expiresIn: "15m", jwtid: randomUUID() });
    const refreshToken = jwt.sign({ sub: user }, REFRESH, { expiresIn: `${DAYS}d`, jwtid: jti });
    await redis.set(`refresh:${jti}`, user, "EX", DAYS * 86400);
    return { accessToken, refreshToken };
  }

  function verified(token, secret) {
    try {
      return jwt.verify(token, secret);
    } catch {
      return undefined;
    }
  }

  app.post("/login", async (request, response) => {
    const { username, password } = request.body;
    if (!username || password !== "secret") return response.status(401).json({ message: "Wrong name or password" });
    return response.json(await issue(username));
  });

  app.post("/refresh", async (request, response) => {
    const token = verified(request.body.refreshToken, REFRESH);
    if (!token) return response.status(403).json({ message: "Invalid refresh token" });
    const user = await redis.get(`refresh:${token.jti}`);
    if (!user) return response.status(403).json({ message: "Invalid refresh token" });
    await redis.del(`refresh:${token.jti}`);
    return response.json(await issue(user));
  });

  app.post("/logout", async (request, response) => {
    const token = verified(request.body.refreshToken, REFRESH);
    if (token) await redis.del(`refresh:${token.jti}`);
    return response.status(204).end();
  });

  app.get("/me", (request, response) => {
    const token = verified((request.get("Authorization") ?? "").replace("Bearer ", ""), ACCESS);
    if (!token) return response.status(401).json({ message: "Invalid access token" });
    return response.json({ user: token.sub });
  });

  app.listen(Number(port), "127.0.0.1");
}

if (cluster.isPrimary) {
  for (let worker = 0; worker < 2; worker += 1) cluster.fork();
} else {
  serve();
}
