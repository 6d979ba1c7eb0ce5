"""A data directory, and somebody who may write to its files: changes of rows with or without the
checksums, chains, counters and witness made to fit (as tests/replay/attacked_log.hpp)."""
import pathlib
import shutil
import sqlite3
import uuid

import verify_export as history
from contract import partition_of
from log_reader import pack_headers, row_checksum, unpack_headers

EVENTS = 1
ROWS_COUNTER = -1
ANNA, NEIGHBOUR, CARLA = "anna", "dora", "carla"  # of two partitions anna has one for herself
COLUMNS = 'id, place, "offset", appended_at, key, headers, value'


class Row:
    def __init__(self, number, place, offset, appended_at, key, headers, value):
        self.number, self.place, self.offset, self.appended_at = number, place, offset, appended_at
        self.key, self.headers, self.value = key, unpack_headers(headers), value
        self.raw_headers = None  # instead of them

    def packed_headers(self):
        if self.raw_headers is not None:
            return self.raw_headers
        return pack_headers(self.headers)


class Attacker:
    """`data`: his copy of a data directory; `older`: the log as it was before anna's last run."""

    def __init__(self, data, older):
        self.data, self.older = pathlib.Path(data), pathlib.Path(older)
        (log_id, self.partitions), = self.sql("SELECT log_id, partitions FROM meta")
        self.log_id = str(uuid.UUID(bytes=log_id))

    def sql(self, statement, *values, file="log.db"):
        database = sqlite3.connect(self.data / file, isolation_level=None)
        try:
            database.execute("PRAGMA synchronous = OFF")
            return database.execute(statement, values).fetchall()
        finally:
            database.close()

    def partition(self, user):
        return partition_of(user, self.partitions)

    def place(self, user):
        return EVENTS << 24 | self.partition(user)

    def offset(self, user, n):
        """Of his n-th event; -1: of his newest."""
        found = [row.offset for row in self.rows_of(user)]
        return found[n - 1 if n > 0 else n]

    def event(self, user, n):
        return "events", self.partition(user), self.offset(user, n)

    def rows(self, where, *values):
        return [Row(*row) for row in
                self.sql(f"SELECT {COLUMNS} FROM records WHERE {where} ORDER BY id", *values)]

    def rows_of(self, user):
        return self.rows("place = ? AND key = ?", self.place(user), user.encode())

    def write(self, row):
        """With the checksum that belongs to it."""
        headers = row.packed_headers()
        checksum = row_checksum(row.place, row.offset, row.appended_at, row.key, headers, row.value)
        self.sql('UPDATE records SET place = ?, "offset" = ?, appended_at = ?, key = ?, headers = ?,'
                 " value = ?, sha256 = ? WHERE id = ?", row.place, row.offset, row.appended_at,
                 row.key, headers, row.value, checksum, row.number)

    def edit(self, row, change):
        change(row)
        self.write(row)

    def edit_event(self, user, n, change):
        self.edit(self.rows_of(user)[n - 1], change)

    def chain_again(self, user):
        chain = history.chain_start(self.log_id, user)
        for row in self.rows_of(user):
            chain = history.sha256(chain, history.content_of(row.headers, row.value))
            row.headers["ce_chainhash"] = chain.hex()
            self.write(row)

    def cut_tail(self, user, events):
        """Removes his newest events with every row written since and lowers the counters."""
        first = self.rows_of(user)[-events]
        self.sql("UPDATE counters SET next = next - (SELECT count(*) FROM records"
                 " WHERE id >= ? AND records.place = counters.place)", first.number)
        self.sql("DELETE FROM records WHERE id >= ?", first.number)
        self.sql("UPDATE counters SET next = ? WHERE place = ?", first.number - 1, ROWS_COUNTER)
        return "events", self.partition(user), first.offset

    def remove_user(self, user):
        """The others keep gapless offsets, owner seqs and chains; counters and row numbers fit."""
        place, first = self.place(user), self.event(user, 1)
        removed = len(self.rows_of(user))
        self.sql("DELETE FROM records WHERE place = ? AND key = ?", place, user.encode())
        owner_seq, others = 0, set()
        for offset, row in enumerate(self.rows("place = ?", place)):
            row.offset = offset
            if "ce_ownerseq" in row.headers:
                owner_seq += 1
                row.headers["ce_ownerseq"] = str(owner_seq)
                others.add(row.key.decode())
            self.write(row)
        for other in others:
            self.chain_again(other)
        for number, row in enumerate(self.rows("true"), 1):
            self.sql("UPDATE records SET id = ? WHERE id = ?", number, row.number)
        self.sql("UPDATE counters SET next = next - ? WHERE place IN (?, ?)", removed, ROWS_COUNTER,
                 place)
        return first

    def forget(self, *names):
        for name in names:
            path = self.data / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def archive(self, user):
        return f"archive/{self.partition(user)}.db"

    def notes(self, user):
        return sorted((self.data / "anchors" / str(self.partition(user))).glob("*.note"))
