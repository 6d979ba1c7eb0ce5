"""What somebody who may write to its files can do to a history: the attacks of
tests/replay/verify_damage_test.cpp by the names they have there, on a log that a service wrote.

An attack gets an Attacker and returns the first bad record as (topic, partition, offset), None where
none can be named. Those in UNSEEN_DAMAGES leave nothing that shows them.
"""
import os
import shutil

from attacked_log import ANNA, CARLA, EVENTS, NEIGHBOUR, ROWS_COUNTER


NO_TEXT = "\udcff"  # the byte 0xff, which no UTF-8 has


# Attacks on anna's third event, as a rule.

def by_sql(change):
    def attack(a):
        at = a.event(ANNA, 3)
        a.sql(f'UPDATE records SET {change} WHERE place = ? AND "offset" = ?', a.place(ANNA), at[2])
        return at
    return attack


def by_edit(change):
    def attack(a):
        at = a.event(ANNA, 3)
        a.edit_event(ANNA, 3, change)
        return at
    return attack


def by_attribute(name, value):
    return by_edit(lambda row: setattr(row, name, value))


def by_header(name, value):
    return by_edit(lambda row: row.headers.update({name: value}))


def without_header(name):
    return by_edit(lambda row: row.headers.pop(name))


def add_a_space(row):
    row.value += b" "


def in_archive(change, names_it=True):
    def attack(a):
        at = a.event(ANNA, 3)
        a.sql(change.replace("OFFSET", str(at[2])), file=a.archive(ANNA))
        return at if names_it else None
    return attack


def also(attack, *names, unnamed=False):
    """The same, and these are gone; `unnamed`: and with them what named the record."""
    def both(a):
        at = attack(a)
        a.forget(*names)
        return None if unnamed else at
    return both


# Attacks on rows of no user.

def delete_row(topic, user, offset):
    def attack(a):
        partition = a.partition(user) if user else 0
        a.sql('DELETE FROM records WHERE place = ? AND "offset" = ?',
              (topic == "events") << 24 | partition, offset)
        return topic, partition, offset
    return attack


def edit_genesis(change):
    def attack(a):
        a.edit(a.rows('place = ? AND "offset" = 0', EVENTS << 24)[0], change)
        return "events", 0, 0
    return attack


def state_three_partitions(row):
    row.value = row.value.replace(b'"partitions":2', b'"partitions":3')


def edit_claim(change):
    def attack(a):
        a.edit(a.rows('place = ? AND "offset" = 1', a.place(ANNA))[0], change)
        return "events", a.partition(ANNA), 1
    return attack


def give_a_key(row):
    row.key = ANNA.encode()


def change_a_command(a):
    a.sql("UPDATE records SET value = x'00' WHERE place = ? AND \"offset\" = 2", a.partition(ANNA))
    return "inbound", a.partition(ANNA), 2


def put_a_command_nowhere(a):
    a.sql('UPDATE records SET place = 999999999 WHERE place = ? AND "offset" = 3',
          a.partition(ANNA))


def name_another_log(a):
    a.sql("UPDATE meta SET log_id = zeroblob(16)")
    a.forget("archive")
    return "events", 0, 0


def delete_event(a):
    at = a.event(ANNA, 3)
    a.sql('DELETE FROM records WHERE place = ? AND "offset" = ?', a.place(ANNA), at[2])
    return at


def close_the_gap(a):
    at = delete_event(a)
    for row in a.rows('place = ? AND "offset" > ?', a.place(ANNA), at[2]):
        row.offset -= 1
        a.write(row)
    a.sql("UPDATE counters SET next = next - 1 WHERE place = ?", a.place(ANNA))
    return at


def exchange_offsets(a):
    at = a.event(ANNA, 3)
    third, fourth = a.rows_of(ANNA)[2:4]
    third_offset, fourth_offset = third.offset, fourth.offset
    for row, offset in ((third, 1000), (fourth, third_offset), (third, fourth_offset)):
        row.offset = offset
        a.write(row)
    return at


def exchange_contents(a):
    at = a.event(ANNA, 3)
    third, fourth = a.rows_of(ANNA)[2:4]
    third.headers, fourth.headers = fourth.headers, third.headers
    third.value, fourth.value = fourth.value, third.value
    a.write(third)
    a.write(fourth)
    return at


def insert_again(a, number, offset):
    a.sql(f"INSERT INTO records SELECT {number}, place, {offset}, appended_at, key, headers, value,"
          ' sha256 FROM records WHERE place = ? AND "offset" = ?', a.place(ANNA),
          a.offset(ANNA, 3))


def insert_a_row(a):
    insert_again(a, 100000, 1000)


def insert_and_count(a):
    (end,), = a.sql("SELECT next FROM counters WHERE place = ?", a.place(ANNA))
    insert_again(a, "(SELECT next + 1 FROM counters WHERE place = -1)", 1000)
    a.sql("UPDATE counters SET next = next + 1 WHERE place = ?", ROWS_COUNTER)
    return "events", a.partition(ANNA), end


def delete_the_tail(a):
    at = a.event(ANNA, -1)
    a.sql('DELETE FROM records WHERE place = ? AND "offset" >= ?', a.place(ANNA), at[2])
    return at


def cut_tail(a):
    return a.cut_tail(ANNA, 2)


def cut_log_and_archive(a):
    at = a.event(ANNA, -1)
    a.cut_tail(ANNA, 1)
    a.forget("head")
    a.sql("DELETE FROM events WHERE place = ?", at[2], file=a.archive(ANNA))
    return at


def delete_carla(a):
    at = a.event(CARLA, 1)
    a.sql("DELETE FROM records WHERE place = ? AND key = ?", a.place(CARLA), CARLA.encode())
    return at


def remove_the_neighbour(a):
    return a.remove_user(NEIGHBOUR)


def rewrite_with_chain(n):
    def attack(a):
        at = a.event(ANNA, n)
        a.edit_event(ANNA, n if n > 0 else len(a.rows_of(ANNA)), add_a_space)
        a.chain_again(ANNA)
        return at
    return attack


# Attacks on whole files.

def overwrite_pages(a):
    with open(a.data / "log.db", "r+b") as file:
        for at in range(5 * 4096, os.fstat(file.fileno()).st_size - 4095, 4096):
            file.seek(at)
            file.write(b"\xee" * 64)


def put_the_older_file_back(a):
    shutil.copy(a.older, a.data / "log.db")
    (end,), = a.sql("SELECT next FROM counters WHERE place = ?", a.place(ANNA))
    return "events", a.partition(ANNA), end


def write_no_archive(a):
    (a.data / a.archive(ANNA)).write_bytes(b"x" * 9000)


def rename_the_archived_user(a):
    a.sql("UPDATE users SET name = 'zora' WHERE name = ?", ANNA, file=a.archive(ANNA))
    return a.event(ANNA, 1)


def move_the_archived_event(a):
    in_archive("UPDATE events SET place = 0 WHERE place = OFFSET")(a)
    return "events", a.partition(ANNA), 0


DAMAGES = {
    "AByteOfTheValue": by_sql("value = CAST(replace(CAST(value AS TEXT), '\"', '''') AS BLOB)"),
    "AByteOfTheHeaders": by_sql(
        "headers = CAST(replace(CAST(headers AS TEXT), 'ce_', 'cf_') AS BLOB)"),
    "AByteOfTheChecksum": by_sql("sha256 = zeroblob(32)"),
    "NoChecksum": by_sql("sha256 = x''"),
    "TheKey": by_sql("key = CAST('berta' AS BLOB)"),
    "NoKey": by_sql("key = NULL"),
    "TheTimeOfAppend": by_sql("appended_at = appended_at + 1"),
    "ValueAndChecksum": by_edit(add_a_space),
    "TimeAndChecksum": by_header("ce_time", "2020-01-01T00:00:00.000000Z"),
    "ThreadAndChecksum": by_header("ce_threadid", "other"),
    "AnUnknownHeaderMore": by_header("ce_other", "x"),
    "AHeaderOfAMirror": by_header("x-mirror", NO_TEXT),
    "AHeaderOfAMirrorAndNoArchive": also(by_header("x-mirror", NO_TEXT), "archive", unnamed=True),
    "ContentType": by_header("content-type", "text/plain"),
    "TheChainHash": by_header("ce_chainhash", "0" * 64),
    "NoChainHash": without_header("ce_chainhash"),
    "TheSeq": by_header("ce_userseq", "9999"),
    "NoSeq": without_header("ce_userseq"),
    "TheOwnerSeq": by_header("ce_ownerseq", "9999"),
    "NoOwnerSeq": without_header("ce_ownerseq"),
    "AnEpochNobodyClaimed": by_header("ce_ownerepoch", "7"),
    "AnOlderEpoch": by_header("ce_ownerepoch", "0"),
    "KeyAndChecksum": by_attribute("key", b"berta"),
    "NoUser": by_attribute("key", None),
    "HeadersThatAreNone": by_attribute("raw_headers", b"x"),
    "ARowDeleted": delete_event,
    "TheGenesisDeleted": delete_row("events", None, 0),
    "TheClaimDeleted": delete_row("events", None, 1),
    "AClaimWithAKey": edit_claim(give_a_key),
    "AClaimWithASubject": edit_claim(lambda row: row.headers.update(ce_subject=ANNA)),
    "AGenesisWithAKey": edit_genesis(give_a_key),
    "ACommandDeleted": delete_row("inbound", ANNA, 2),
    "ACommandChanged": change_a_command,
    "ARowDeletedAndTheGapClosed": close_the_gap,
    "TwoRowsExchanged": exchange_offsets,
    "TwoContentsExchangedAndNoArchive": also(exchange_contents, "archive"),
    "TheTailTheCountersAndTheArchive": also(cut_tail, "archive", unnamed=True),
    "TwoContentsExchanged": exchange_contents,
    "ARowOfNoPlace": put_a_command_nowhere,
    "ARowInserted": insert_a_row,
    "AnOldEventInsertedAndCounted": insert_and_count,
    "TheTail": delete_the_tail,
    "TheTailAndTheCounters": cut_tail,
    "TheTailOfLogAndArchive": cut_log_and_archive,
    "TheTailAndEveryWitnessButTheArchive": also(cut_tail, "head"),
    "TheTailAndEveryWitness": also(cut_tail, "head", "archive", unnamed=True),
    "AllOfAUser": delete_carla,
    "AllOfAUserMadeToFit": also(remove_the_neighbour, "head"),
    "AllOfAUserMadeToFitWithoutWitness": also(remove_the_neighbour, "head", "archive",
                                              unnamed=True),
    "AllOfAUserMadeToFitButTheHead": also(remove_the_neighbour, "archive", unnamed=True),
    "AChangeWithItsChain": rewrite_with_chain(3),
    "AChangeWithItsChainAndNoArchive": also(rewrite_with_chain(3), "archive", unnamed=True),
    "AnotherGenesis": edit_genesis(state_three_partitions),
    "NoGenesis": edit_genesis(lambda row: row.headers.update(ce_type="x")),
    "AnotherLogId": name_another_log,
    "PagesOfTheFile": overwrite_pages,
    "AnOlderFile": put_the_older_file_back,
    "AnOlderFileWithoutArchive": also(put_the_older_file_back, "archive", unnamed=True),
    "AnArchivedValue": in_archive("UPDATE events SET value = x'00' WHERE place = OFFSET"),
    "ArchivedHeaders": in_archive("UPDATE events SET headers = x'' WHERE place = OFFSET"),
    "AnArchivedChecksum": in_archive(
        "UPDATE events SET hash = zeroblob(32) WHERE place = OFFSET"),
    "AnArchivedThread": in_archive("UPDATE events SET thread = 'other' WHERE place = OFFSET"),
    "AnArchivedSeq": in_archive("UPDATE events SET seq = 9999 WHERE place = OFFSET"),
    "AnArchivedEventDeleted": in_archive("DELETE FROM events WHERE place = OFFSET"),
    "AnArchivedUser": rename_the_archived_user,
    "AnArchivedEventMoved": move_the_archived_event,
    "ThePositionOfTheArchive": in_archive("UPDATE position SET next_offset = next_offset + 5",
                                          names_it=False),
    "AnArchiveOfAnotherLog": in_archive("UPDATE owner SET log_id = zeroblob(16)", names_it=False),
    "AnArchiveThatIsNone": write_no_archive,
}
UNSEEN_DAMAGES = {"TheTailAndEveryWitness", "AllOfAUserMadeToFitWithoutWitness",
                  "AChangeWithItsChainAndNoArchive", "AHeaderOfAMirrorAndNoArchive"}
