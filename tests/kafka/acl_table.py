"""Who writes and reads which topic, as the contract says: what ops/kafka/acls is held against."""

TOPICS = ("inbound", "events", "progress", "connections", "snapshots", "quarantine")
ROLES = ("gateway", "router", "event-store", "topics", "quarantine", "audit")
GROUP = "signalbox-router"

WRITES = {
    "gateway": {"inbound", "connections"},
    "router": {"events", "progress", "snapshots", "quarantine"},
    "event-store": {"inbound"},
    "topics": {"events"},  # log_genesis
    "quarantine": {"inbound", "quarantine"},
    "audit": set(),
}
READS = {
    "gateway": {"events", "progress"},  # of inbound it only asks how far it reaches
    "router": {"inbound", "events", "snapshots"},
    "event-store": {"events"},
    "topics": {"events"},
    "quarantine": {"events", "quarantine"},  # whose log it is stands in log_genesis
    "audit": set(TOPICS) - {"progress"},
}
