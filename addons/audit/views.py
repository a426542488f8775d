"""The views that people read in Datasette: the tables in human columns. Read from here, never written to."""

from __future__ import annotations

_WHEN = "strftime('%Y-%m-%d %H:%M:%S', e.started, 'unixepoch', 'localtime')"

VIEWS: dict[str, str] = {
    "v_exchanges": f"""
        SELECT e.seq, {_WHEN} AS "when", e.client, e.requested_model, e.served_model, e.provider, e.credential,
               e.status, e.stop_reason, e.input_total AS tokens_in, e.cache_read AS tokens_cached,
               e.output AS tokens_out,
               CASE WHEN e.cost_known THEN round(e.cost_usd, 6) ELSE 'unknown' END AS cost_usd,
               CASE WHEN e.subscription THEN 'subscription' ELSE '' END AS billing,
               round(e.ttft, 3) AS ttft_s, round(e.duration, 3) AS duration_s, e.attempts, e.stalls,
               e.client_protocol || CASE WHEN e.translated THEN ' → ' || e.backend_protocol ELSE '' END AS protocols,
               e.operation, e.origin, e.profile, e.client_key, e.session, e.conversation, e.error_kind, e.error, e.id,
               e.day
        FROM exchanges e
    """,  # noqa: S608 - only our own constant is put in
    "v_errors": f"""
        SELECT e.seq, {_WHEN} AS "when", e.status, e.error_kind, e.error, e.client, e.provider, e.credential,
               e.requested_model, e.attempts, e.path, e.id
        FROM exchanges e WHERE e.status >= 400 OR e.error_kind != ''
    """,  # noqa: S608
    "v_attempts": """
        SELECT a.exchange, a.number, strftime('%Y-%m-%d %H:%M:%S', a.started, 'unixepoch', 'localtime') AS "when",
               a.provider, a.credential, a.why, a.model, a.status, a.outcome, a.error,
               round(a.first_byte - a.started, 3) AS first_byte_s, round(a.ended - a.started, 3) AS duration_s, a.url
        FROM attempts a
    """,
    "v_sides": """
        SELECT s.exchange, s.attempt, s.side, (
            SELECT json_group_array(json_array(
                json_extract(h.value, '$[0]'),
                CASE json_type(h.value, '$[1]')
                    WHEN 'integer' THEN json_extract(s.header_values, '$[' || json_extract(h.value, '$[1]') || ']')
                    ELSE json_extract(h.value, '$[1]') END
            )) FROM json_each(hs.headers) h
        ) AS headers, s.size, s.truncated, s.recipe
        FROM sides s JOIN header_sets hs ON hs.id = s.header_set
    """,
    "v_conversation": """
        SELECT m.conversation, m.id AS position,
               strftime('%Y-%m-%d %H:%M:%S', m.time, 'unixepoch', 'localtime') AS "when",
               m.role, m.kind, m.text, m.exchange
        FROM messages m
    """,
    "v_conversations": """
        SELECT e.conversation, max(e.client) AS client, max(e.session) AS session,
               strftime('%Y-%m-%d %H:%M:%S', min(e.started), 'unixepoch', 'localtime') AS first,
               strftime('%Y-%m-%d %H:%M:%S', max(e.ended), 'unixepoch', 'localtime') AS last,
               count(*) AS exchanges, sum(e.input_total) AS tokens_in, sum(e.output) AS tokens_out,
               round(sum(e.cost_usd), 6) AS cost_usd, sum(NOT e.cost_known) AS cost_unknown,
               sum(e.status >= 400) AS errors
        FROM exchanges e WHERE e.conversation != '' GROUP BY e.conversation
    """,
    "v_models_by_day": """
        SELECT e.day, e.served_model, e.provider, count(*) AS exchanges, sum(e.status >= 400) AS errors,
               sum(e.input_total) AS tokens_in, sum(e.cache_read) AS tokens_cached, sum(e.output) AS tokens_out,
               round(sum(CASE WHEN e.subscription THEN NULL ELSE e.cost_usd END), 6) AS cost_usd,
               round(sum(CASE WHEN e.subscription THEN e.cost_usd END), 6) AS subscription_would_cost_usd,
               sum(NOT e.cost_known) AS cost_unknown, round(avg(e.ttft), 3) AS ttft_s
        FROM exchanges e GROUP BY e.day, e.served_model, e.provider
    """,
}
