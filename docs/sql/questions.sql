-- Ten questions about the last run. The same SQL runs on Postgres and on DuckDB over the lake: every
-- table is read as <table>_current, the rows of one run. A question begins with a line `-- name:`;
-- what it asks follows in words. Percentages and means have six decimals.

-- name: volume_by_month_and_channel
-- How many petitions came in each month through each channel, and what share of the month is that?
SELECT month, channel, tickets,
    round(CAST(100.0 * tickets / sum(tickets) OVER (PARTITION BY month) AS numeric(18, 6)), 6) AS share_pct
FROM (
    SELECT CAST(date_trunc('month', day) AS date) AS month, channel,
        CAST(sum(tickets_count) AS bigint) AS tickets
    FROM gold_kpi_volume_daily_current
    GROUP BY 1, 2
) AS monthly
WHERE tickets > 0
ORDER BY month, channel;

-- name: busiest_days
-- On which ten days did most petitions come in?
SELECT day, CAST(sum(tickets_count) AS bigint) AS tickets
FROM gold_kpi_volume_daily_current
GROUP BY day
ORDER BY tickets DESC, day
LIMIT 10;

-- name: backlog_at_month_ends
-- How many tickets were open at the end of the last observed day of each month, by region?
SELECT day, region, CAST(sum(backlog_count) AS bigint) AS open_tickets
FROM gold_kpi_backlog_daily_current
WHERE day IN (
    SELECT max(day) FROM gold_kpi_backlog_daily_current GROUP BY date_trunc('month', day)
)
GROUP BY day, region
ORDER BY day, region;

-- name: oldest_backlog
-- On the day of the greatest backlog, how old were its tickets, by type?
SELECT day, pqrs_type, age_bucket, backlog_count
FROM gold_backlog_ageing_daily_current
WHERE day = (
    SELECT day FROM gold_backlog_ageing_daily_current
    GROUP BY day ORDER BY sum(backlog_count) DESC, day LIMIT 1
) AND backlog_count > 0
ORDER BY pqrs_type, age_bucket;

-- name: compliance_by_type
-- What share of the SLA cycles that stopped was within term, by type?
SELECT pqrs_type, CAST(sum(stopped_count) AS bigint) AS stopped, CAST(sum(late_count) AS bigint) AS late,
    round(CAST(100.0 * sum(within_count) / nullif(sum(stopped_count), 0) AS numeric(18, 6)), 6) AS within_pct
FROM gold_kpi_sla_daily_current
GROUP BY pqrs_type
ORDER BY pqrs_type;

-- name: breach_by_channel_and_region
-- What share of the tickets whose term has run out is breached, by channel and region?
SELECT t.source_channel, coalesce(g.region, 'Sin dato') AS region, count(*) AS due,
    count(*) FILTER (WHERE t.is_breached) AS breached,
    round(CAST(100.0 * count(*) FILTER (WHERE t.is_breached) / count(*) AS numeric(18, 6)), 6) AS breached_pct
FROM silver_tickets_current AS t
JOIN silver_sla_cycles_current AS c ON c.ticket_id = t.ticket_id AND c.cycle_number = t.sla_cycles_count
LEFT JOIN dim_geo_current AS g ON g.geo_id = t.geo_id
WHERE c.due_day <= (SELECT max(day) FROM gold_kpi_volume_daily_current)
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: breach_by_cause
-- Of the tickets whose term has run out: are those that were extended, put on hold or reopened
-- breached more often?
SELECT is_extended, is_held, is_reopened, count(*) AS due,
    count(*) FILTER (WHERE is_breached) AS breached
FROM (
    SELECT t.ticket_id, t.is_breached, t.sla_cycles_count > 1 AS is_reopened,
        bool_or(c.extended_on_day IS NOT NULL) AS is_extended,
        bool_or(c.first_hold_start_day IS NOT NULL) AS is_held
    FROM silver_tickets_current AS t
    JOIN silver_sla_cycles_current AS c ON c.ticket_id = t.ticket_id
    GROUP BY t.ticket_id, t.is_breached, t.sla_cycles_count
    HAVING max(CASE WHEN c.cycle_number = t.sla_cycles_count THEN c.due_day END)
        <= (SELECT max(day) FROM gold_kpi_volume_daily_current)
) AS judged
GROUP BY is_extended, is_held, is_reopened
ORDER BY is_extended, is_held, is_reopened;

-- name: lateness_of_cycles
-- How many cycles stopped late, and by how many business days, at least, at most and in total?
SELECT pqrs_type, count(*) AS late, min(business_days_late) AS least, max(business_days_late) AS most,
    CAST(sum(business_days_late) AS bigint) AS total_days
FROM silver_sla_cycles_current
WHERE is_late
GROUP BY pqrs_type
ORDER BY pqrs_type;

-- name: reply_within_a_day
-- What share of the petitions had a reply of a person within 24 hours, by channel?
SELECT source_channel, count(*) AS tickets,
    count(*) FILTER (WHERE first_response_at <= created_at + INTERVAL '24 hours') AS within_a_day,
    round(CAST(100.0 * count(*) FILTER (WHERE first_response_at <= created_at + INTERVAL '24 hours')
        / count(*) AS numeric(18, 6)), 6) AS within_a_day_pct
FROM silver_tickets_current
GROUP BY source_channel
ORDER BY source_channel;

-- name: transition_matrix
-- From which status to which do tickets go, how often, and what share of those that left it is that?
SELECT status_from, status_to, transitions,
    round(CAST(100.0 * transitions / sum(transitions) OVER (PARTITION BY status_from) AS numeric(18, 6)), 6) AS share_pct
FROM (
    SELECT status_from, status_to, CAST(sum(transitions_count) AS bigint) AS transitions
    FROM gold_status_transitions_daily_current
    GROUP BY status_from, status_to
) AS counted
ORDER BY status_from, status_to;
