import { block, definePlugin, proceed } from 'sallyport/plugin';

/** Fails or refuses as the argument `plugin` says, with what clients may not read in what it says of a failure. */
export default definePlugin({
  setup: () => ({
    hooks: {
      tool_pre_invoke({ args }) {
        if (args?.plugin === 'throw')
          throw new Error('no connection to postgres://admin:hunter2@db.internal');
        if (args?.plugin === 'block') {
          return block({
            reason: 'r',
            description: 'not this one',
            code: 'NO',
            details: { rule: 'hunter2' },
          });
        }
        return proceed();
      },
      http_pre_request({ headers }) {
        if (headers['x-fail']) throw new Error('no connection to postgres://admin:hunter2@db.internal');
        return proceed();
      },
    },
  }),
});
