"""Exchanges kitchen-sink messages with our decoder and encoder.

generate DIR COUNT SEED   writes python.records: packed message, JSON, packed message, JSON, ...
verify DIR                reads swift-echo.records (packed and JSON for each of those) and
                          swift.records (messages that Swift made up), and writes python-echo.records
"""

import pathlib
import random
import struct
import subprocess
import sys

try:
    from google.protobuf import descriptor_pb2, json_format, message_factory
except ImportError:
    sys.exit(
        "the Python package 'protobuf' is missing: run `make test`, which installs "
        "Tests/requirements.txt and sets CHATELAINE_TEST_PYTHON")

ROOT = pathlib.Path(__file__).resolve().parents[4]
PROTO = "chatelaine/test/v1/kitchen_sink.proto"


def kitchen_sink(directory):
    path = directory / "descriptors.bin"
    subprocess.run(
        ["protoc", f"-I{ROOT / 'Protos'}", "-I/usr/include", "--include_imports",
         f"--descriptor_set_out={path}", PROTO], check=True)
    files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
    return message_factory.GetMessages(files.file)["chatelaine.test.v1.KitchenSink"]


def write(path, records):
    with path.open("wb") as file:
        for record in records:
            file.write(struct.pack("<I", len(record)) + record)


def read(path):
    data, position, records = path.read_bytes(), 0, []
    while position < len(data):
        (length,) = struct.unpack_from("<I", data, position)
        records.append(data[position + 4:position + 4 + length])
        position += 4 + length
    return records


INTEGERS = {
    "int32": (-2**31, 2**31 - 1), "sint32": (-2**31, 2**31 - 1), "sfixed32": (-2**31, 2**31 - 1),
    "int64": (-2**63, 2**63 - 1), "sint64": (-2**63, 2**63 - 1), "sfixed64": (-2**63, 2**63 - 1),
    "uint32": (0, 2**32 - 1), "fixed32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1), "fixed64": (0, 2**64 - 1),
}
FLOATS = [0.1, 1.0, -1.5, 1e-300, 1.7976931348623157e308, 5e-324, float("inf"), float("-inf"),
          123456789.125, 1e22]
# Not the largest: its shortest text, 3.4028235e+38, is too large for Python's own parser.
SINGLES = [0.5, -1e38, 1e-45, 0.1, float("inf"), 16777216.0]
ALPHABET = "aZ0 \0\n\"\\/<>&'\x7f\x80ß€中\u2028\ufffd\U0001f511\U0010ffff"


class Maker:
    def __init__(self, message_class, seed):
        self.random = random.Random(seed)
        self.message_class = message_class

    def text(self):
        return "".join(self.random.choices(ALPHABET, k=self.random.randrange(8)))

    def bytes(self):
        return self.random.randbytes(self.random.randrange(10))

    def integer(self, kind):
        low, high = INTEGERS[kind]
        return self.random.choice([low, high, 0 if low == 0 else -1, 1,
                                   self.random.randint(low, high)])

    def colour(self):
        return self.random.choice([0, 1, 5, -3, 17, 2**31 - 1, -2**31])

    def nested(self, target, depth=0):
        target.SetInParent()
        target.name = self.text()
        for _ in range(self.random.randrange(3) if depth < 3 else 0):
            self.nested(target.children.add(), depth + 1)

    def value(self, target, depth=0):
        kind = self.random.randrange(6 if depth < 4 else 4)
        if kind == 0:
            target.null_value = 0
        elif kind == 1:
            target.number_value = self.random.choice(
                [0.0, 5.0, -0.5, 1e22, 2.0**53, 2.0**53 + 2, 1e300])
        elif kind == 2:
            target.string_value = self.text()
        elif kind == 3:
            target.bool_value = self.random.random() < 0.5
        elif kind == 4:
            target.struct_value.SetInParent()
            for _ in range(self.random.randrange(3)):
                self.value(target.struct_value.fields[self.text()], depth + 1)
        else:
            target.list_value.SetInParent()
            for _ in range(self.random.randrange(3)):
                self.value(target.list_value.values.add(), depth + 1)

    def time(self, target):
        target.seconds = self.random.choice(
            [0, -1, -62135596800, 253402300799, self.random.randint(-62135596800, 253402300799)])
        target.nanos = self.random.choice([0, 1, 1000, 1000000, 999999999])

    def span(self, target):
        sign = self.random.choice([-1, 1])
        target.seconds = sign * self.random.choice([0, 1, 315575999999])
        target.nanos = sign * self.random.choice([0, 1, 1000, 1000000, 999999999])

    def maybe(self):
        return self.random.random() < 0.6

    def message(self):
        message = self.message_class()
        for kind in INTEGERS:
            if self.maybe():
                setattr(message, f"{kind}_value", self.integer(kind))
        if self.maybe():
            message.double_value = self.random.choice(FLOATS)
        if self.maybe():
            message.float_value = self.random.choice(SINGLES)
        message.bool_value = self.maybe()
        message.string_value = self.text()
        message.bytes_value = self.bytes()
        message.colour = self.colour()
        if self.maybe():
            self.nested(message.nested)
        optional = {
            "optional_int32": lambda: self.integer("int32"), "optional_string": self.text,
            "optional_bool": self.maybe, "optional_bytes": self.bytes,
            "optional_colour": self.colour,
            "optional_double": lambda: self.random.choice(FLOATS + [0.0, -0.0]),
        }
        for name, make in optional.items():
            if self.maybe():
                setattr(message, name, make())
        self.collections(message)
        self.choice(message)
        for name, make in [("time", self.time), ("span", self.span)]:
            if self.maybe():
                getattr(message, name).SetInParent()
                make(getattr(message, name))
        if self.maybe():
            message.nothing.SetInParent()
        if self.maybe():
            message.mask.SetInParent()
            message.mask.paths.extend(self.random.choices(
                ["name", "create_time", "nested.base_url"], k=self.random.randrange(3)))
        if self.maybe():
            message.anything.SetInParent()
            for _ in range(self.random.randrange(4)):
                self.value(message.anything.fields[self.text()])
        return message

    def collections(self, message):
        repeated = {
            "repeated_int32": lambda: self.integer("int32"),
            "repeated_int64": lambda: self.integer("int64"),
            "repeated_double": lambda: self.random.choice(FLOATS + [0.0, -0.0]),
            "repeated_bool": self.maybe, "repeated_string": self.text,
            "repeated_bytes": self.bytes, "repeated_colour": self.colour,
            "repeated_sint64": lambda: self.integer("sint64"),
            "repeated_fixed32": lambda: self.integer("fixed32"),
        }
        for name, make in repeated.items():
            getattr(message, name).extend(make() for _ in range(self.random.randrange(5)))
        for _ in range(self.random.randrange(4)):
            self.nested(message.repeated_nested.add())
            self.time(message.times.add())
            message.string_map[self.text()] = self.text()
            self.nested(message.nested_map[self.integer("int32")])
            message.bytes_map[self.integer("uint64")] = self.bytes()
            message.colour_map[self.text()] = self.colour()

    def choice(self, message):
        kind = self.random.randrange(6)
        if kind == 1:
            message.choice_text = self.text()
        elif kind == 2:
            message.choice_number = self.integer("int64")
        elif kind == 3:
            self.nested(message.choice_nested)
        elif kind == 4:
            message.choice_flag = self.maybe()
        elif kind == 5:
            message.choice_colour = self.colour()


def canonical(message):
    return message.SerializeToString(deterministic=True)


def to_json(message):
    return json_format.MessageToJson(message, indent=None, ensure_ascii=False).encode()


def generate(directory, count, seed):
    maker = Maker(kitchen_sink(directory), seed)
    records = []
    for _ in range(count):
        message = maker.message()
        records += [message.SerializeToString(), to_json(message)]
    write(directory / "python.records", records)


def verify(directory):
    message_class = kitchen_sink(directory)

    def parsed(packed, text):
        message = message_class.FromString(packed)
        from_json = json_format.Parse(text.decode(), message_class())
        return message, from_json

    failures = []
    ours = read(directory / "python.records")
    echoes = read(directory / "swift-echo.records")
    if len(ours) != len(echoes):
        failures.append(f"{len(ours)} records went out, {len(echoes)} came back")
    for index in range(0, len(echoes), 2):
        original = canonical(message_class.FromString(ours[index]))
        for form, message in zip(["packed", "JSON"], parsed(*echoes[index:index + 2])):
            if canonical(message) != original:
                failures.append(f"message {index // 2} came back different as {form}")

    theirs = read(directory / "swift.records")
    answers = []
    for index in range(0, len(theirs), 2):
        message, from_json = parsed(*theirs[index:index + 2])
        if canonical(message) != canonical(from_json):
            failures.append(f"Swift's message {index // 2}: packed and JSON differ")
        answers += [message.SerializeToString(), to_json(message)]
    write(directory / "python-echo.records", answers)
    if failures:
        sys.exit("\n".join(failures[:20]))


if sys.argv[1] == "generate":
    generate(pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
else:
    verify(pathlib.Path(sys.argv[2]))
