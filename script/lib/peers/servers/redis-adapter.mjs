// An adapter of oidc-provider over Redis, as its documentation describes one. `consume` marks a token as used. Three forms:
// `redis` marks it in any case; `redis-conditional` fails where it was marked before; `redis-revoking` then also revokes the
// grant, because the token was redeemed twice.
import { errors } from "oidc-provider";

const consumable = new Set(["AuthorizationCode", "RefreshToken"]);
const grantable = new Set(["AccessToken", "AuthorizationCode", "RefreshToken"]);

// A token that was deleted in the meantime must not come back as one that is consumed.
const CONSUME = `return redis.call("exists", KEYS[1]) == 1 and redis.call("hsetnx", KEYS[1], "consumed", ARGV[1]) or 0`;

export function redisAdapter(redis, form) {
  return class Adapter {
    constructor(model) {
      this.model = model;
    }

    key(id) {
      return `${this.model}:${id}`;
    }

    async upsert(id, payload, seconds) {
      const key = this.key(id), many = redis.multi();
      many.hset(key, "payload", JSON.stringify(payload));
      if (seconds) many.expire(key, seconds);
      if (grantable.has(this.model) && payload.grantId) many.sadd(`grant:${payload.grantId}`, key);
      if (payload.uid) many.set(`uid:${payload.uid}`, id);
      await many.exec();
    }

    async find(id) {
      const { payload, consumed } = await redis.hgetall(this.key(id));
      if (!payload) return undefined;
      return { ...JSON.parse(payload), ...(consumed && consumable.has(this.model) ? { consumed: Number(consumed) } : {}) };
    }

    async findByUid(uid) {
      const id = await redis.get(`uid:${uid}`);
      return id ? this.find(id) : undefined;
    }

    async findByUserCode() {
      return undefined;
    }

    async consume(id) {
      const now = Math.floor(Date.now() / 1000);
      if (form === "redis") {
        await redis.hset(this.key(id), "consumed", now);
        return;
      }
      if (await redis.eval(CONSUME, 1, this.key(id), now)) return;
      if (form === "redis-revoking") {
        const { grantId } = (await this.find(id)) ?? {};
        await redis.del(`Grant:${grantId}`);
        await this.revokeByGrantId(grantId);
      }
      throw new errors.InvalidGrant("refresh token already used");
    }

    async destroy(id) {
      await redis.del(this.key(id));
    }

    async revokeByGrantId(grantId) {
      const keys = await redis.smembers(`grant:${grantId}`);
      await redis.del(`grant:${grantId}`, ...keys);
    }
  };
}
