import csv_tables
import pytest


def test_a_table_is_read_as_it_was_written(tmp_path):
    file = tmp_path / "new" / "table.csv"
    assert csv_tables.read(file) == []
    csv_tables.write(file, [{"what": 'a, "b"', "n": 3, "x": 1 / 3}, {"what": "c", "y": 2.0}], ".3g")
    assert file.read_bytes() == b'what,n,x,y\n"a, ""b""",3,0.333,\nc,,,2\n'
    assert csv_tables.read(file)[0] == {"what": 'a, "b"', "n": "3", "x": "0.333", "y": ""}
    assert list(tmp_path.rglob("*.part")) == []


def test_what_cannot_be_written_leaves_the_table_as_it_was(tmp_path):
    file = tmp_path / "table.csv"
    csv_tables.write(file, [{"n": 1}])
    with pytest.raises(ValueError, match="format"):
        csv_tables.write(file, [{"n": 2}, {"n": 1.0}], "no format")
    assert csv_tables.read(file) == [{"n": "1"}]


def test_a_new_row_takes_the_place_of_its_kind():
    rows = [{"n": "1", "d": "2", "t": "old"}, {"n": "1", "d": "3", "t": "kept"}]
    assert csv_tables.replaced(rows, {"n": 1, "d": 2, "t": "new"}, "n", "d") == [rows[1], {"n": 1, "d": 2, "t": "new"}]
