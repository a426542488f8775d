"""What Datasette is told about the audit database: descriptions, facets, units, order, and the canned queries."""

from __future__ import annotations

from typing import Any

#: Who may see anything at all: the actor that the login link makes.
ACTOR = "root"

_ALLOW = {"id": ACTOR}

_EXCHANGE_LINKS = 'SELECT seq, "when", client, served_model, provider, status, tokens_in, tokens_out, cost_usd, ttft_s,'

_QUERIES: dict[str, dict[str, Any]] = {
    "today_by_model": {
        "title": "Today, by model",
        "sql": """
            SELECT served_model, provider, exchanges, errors, tokens_in, tokens_cached, tokens_out, cost_usd,
                   subscription_would_cost_usd, cost_unknown, ttft_s
            FROM v_models_by_day WHERE day = date('now', 'localtime') ORDER BY exchanges DESC
        """,
    },
    "today_by_client": {
        "title": "Today, by client",
        "sql": """
            SELECT client, client_key, count(*) AS exchanges, sum(status >= 400) AS errors,
                   sum(input_total) AS tokens_in, sum(output) AS tokens_out,
                   round(sum(CASE WHEN subscription THEN NULL ELSE cost_usd END), 6) AS cost_usd,
                   sum(NOT cost_known) AS cost_unknown
            FROM exchanges WHERE day = date('now', 'localtime') GROUP BY client, client_key ORDER BY exchanges DESC
        """,
    },
    "errors": {
        "title": "Errors",
        "sql": "SELECT * FROM v_errors ORDER BY seq DESC LIMIT 200",
    },
    "slowest": {
        "title": "Slowest of the last seven days",
        "sql": f"""
            {_EXCHANGE_LINKS} duration_s, stalls, attempts, id FROM v_exchanges
            WHERE day >= date('now', 'localtime', '-7 days') ORDER BY duration_s DESC LIMIT 100
        """,
    },
    "cost_by_day": {
        "title": "Cost by day",
        "description": "Dollars by the price list. Subscriptions are shown apart: what they would have cost.",
        "sql": """
            SELECT day, sum(exchanges) AS exchanges, sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out,
                   round(sum(cost_usd), 4) AS cost_usd,
                   round(sum(subscription_would_cost_usd), 4) AS subscription_would_cost_usd,
                   sum(cost_unknown) AS cost_unknown
            FROM v_models_by_day GROUP BY day ORDER BY day DESC
        """,
    },
    "conversation": {
        "title": "One conversation",
        "description": "What was said in it, in order. The id is the column conversation of an exchange.",
        "sql": """
            SELECT "when", role, kind, text, exchange FROM v_conversation
            WHERE conversation = :conversation ORDER BY position
        """,
    },
    "search": {
        "title": "Search what was said",
        "description": 'Every word must occur; "a phrase" in quotes, begin* for beginnings.',
        "sql": """
            SELECT e."when", e.client, m.role, m.kind, snippet(messages_fts, 0, '[', ']', '…', 24) AS found,
                   m.exchange, m.conversation
            FROM messages_fts JOIN messages m ON m.id = messages_fts.rowid JOIN v_exchanges e ON e.seq = m.exchange
            WHERE messages_fts MATCH match_expression(:words) ORDER BY messages_fts.rank LIMIT 100
        """,
    },
    "bodies": {
        "title": "The sides of one exchange",
        "description": "Headers and bodies as stored, secrets marked. The number is the column seq of an exchange.",
        "sql": """
            WITH RECURSIVE part (exchange, attempt, side, path, blob, child) AS (
                SELECT s.exchange, s.attempt, s.side, printf('%06d', p.position), p.blob, p.child
                FROM sides s JOIN recipe_parts p ON p.recipe = s.recipe WHERE s.exchange = CAST(:exchange AS INTEGER)
                UNION ALL
                SELECT part.exchange, part.attempt, part.side, part.path || printf('.%06d', p.position), p.blob, p.child
                FROM part JOIN recipe_parts p ON p.recipe = part.child
            )
            SELECT s.attempt, s.side, s.size, s.truncated, s.headers, (
                SELECT group_concat(piece, '') FROM (
                    SELECT blob_text(b.encoding, b.content, b.size) AS piece
                    FROM part JOIN blobs b ON b.id = part.blob
                    WHERE part.attempt = s.attempt AND part.side = s.side ORDER BY part.path
                )
            ) AS body
            FROM v_sides s WHERE s.exchange = CAST(:exchange AS INTEGER) ORDER BY s.attempt, s.side
        """,
    },
}

_TABLES: dict[str, dict[str, Any]] = {
    "exchanges": {
        "description": "One row for each client request. Times are seconds since 1970, durations seconds.",
        "sort_desc": "seq",
        "facets": ["client", "provider", "served_model", "status"],
        "units": {"duration": "s", "ttft": "s", "max_gap": "s"},
        "label_column": "id",
        "columns": {
            "why": "Why this credential was chosen",
            "input_fresh": "Tokens neither read from nor written to a cache",
            "cost_usd": "By the price list; empty: unknown",
            "subscription": "1: what it would have cost; a subscription is not charged by the request",
            "ttft": "Time to the first content event",
            "stalls": "Silences of the stream longer than 5 s",
        },
    },
    "attempts": {
        "description": "Each try of an exchange at one credential.",
        "sort_desc": "exchange",
        "facets": ["provider", "outcome"],
    },
    "sides": {"hidden": True},
    "header_sets": {"hidden": True},
    "v_sides": {"description": "Headers of the four sides of an exchange, and which recipe its body is.", "size": 25},
    "messages": {
        "description": "What was said, once for each distinct message of a conversation.",
        "sort_desc": "id",
        "facets": ["role", "kind"],
        "fts_table": "messages_fts",
        "fts_pk": "id",
    },
    "blobs": {"description": "Pieces of bodies, each stored once.", "units": {"size": "byte"}},
    "recipes": {"description": "How a body is put together: its parts in order."},
    "recipe_parts": {"hidden": True},
    "meta": {"hidden": True},
    "migrations": {"hidden": True},
    "v_exchanges": {
        "description": "The exchanges in human columns.",
        "sort_desc": "seq",
        "facets": ["client", "provider"],
    },
    "v_errors": {"description": "Exchanges that failed.", "sort_desc": "seq", "facets": ["error_kind", "provider"]},
    "v_attempts": {"description": "Attempts in human columns.", "sort_desc": "exchange"},
    "v_conversation": {"description": "Messages of all conversations; filter by conversation."},
    "v_conversations": {"description": "One row for each conversation.", "sort_desc": "last"},
    "v_models_by_day": {"description": "Tokens and cost by day and model.", "sort_desc": "day"},
}


def metadata(database: str) -> dict[str, Any]:
    """Datasette's metadata; `database` is the name it serves the file under."""
    return {
        "title": "ProxyCast audit",
        "description": "Every exchange of the gateway. Secrets were replaced before anything was stored.",
        "allow": _ALLOW,
        "databases": {
            database: {"allow": _ALLOW, "allow_sql": _ALLOW, "tables": _TABLES, "queries": _QUERIES},
            "_internal": {"allow": _ALLOW, "allow_sql": False},
        },
    }


#: Limits, and nothing that lets a page leave the browser: no file download.
SETTINGS: dict[str, Any] = {
    "sql_time_limit_ms": 3_000,
    "facet_time_limit_ms": 500,
    "facet_suggest_time_limit_ms": 50,
    "suggest_facets": False,
    "max_returned_rows": 1_000,
    "default_page_size": 50,
    "num_sql_threads": 2,
    "allow_download": False,
    "allow_csv_stream": False,
    "max_csv_mb": 50,
    "default_cache_ttl": 0,
    "truncate_cells_html": 2_000,
    "trace_debug": False,
    "template_debug": False,
}
