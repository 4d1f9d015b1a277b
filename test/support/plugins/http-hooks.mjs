import { block, definePlugin, modify, proceed } from 'sallyport/plugin';

const violation = (more) => block({ reason: 'No', description: 'go away', code: 'NO', details: {}, ...more });

/** The four hooks around a request. What they do depends on the request's `x-*` headers. */
export default definePlugin({
  setup: () => ({
    hooks: {
      http_pre_request(payload, context) {
        const { headers } = payload;
        context.global_context.state.path = `${payload.method} ${payload.path}`;
        if (headers['x-pre'] === 'block') return violation({});
        if (headers['x-pre'] === 'teapot')
          return violation({
            http_status_code: 418,
            http_headers: { 'X-Why': 'tea', 'Content-Length': '3' },
          });
        if (headers['x-key']) return modify({ Authorization: `Bearer ${headers['x-key']}`, 'X-Seen': 'yes' });
        return proceed();
      },
      http_auth_resolve_user({ credentials, headers }) {
        if (credentials?.credentials === 'magic')
          return modify({ email: 'merlin@example.org', tenant_id: 'camelot', is_admin: true });
        if (headers['x-user'] === 'nobody') return modify({ full_name: 'Nobody' });
        if (headers['x-user'] === 'blocked')
          return violation({ http_headers: { 'WWW-Authenticate': 'Magic' } });
        if (headers['x-user'] === 'broken') throw new Error('the directory is down');
        return proceed();
      },
      http_auth_check_permission(payload) {
        if (payload.user_email !== 'merlin@example.org') return proceed();
        const granted = payload.permission === 'tools.execute' && payload.is_admin;
        return modify({ granted, reason: granted ? 'a wizard' : `no ${payload.permission}` });
      },
      http_post_request(payload, context) {
        if (payload.headers['x-post'] === 'throw') throw new Error('too late');
        const state = context.global_context.state.path;
        return modify({
          'X-Audit': `${payload.status_code} ${context.global_context.user?.email ?? context.global_context.user} ${state}`,
          'Content-Length': '0',
        });
      },
    },
  }),
});
