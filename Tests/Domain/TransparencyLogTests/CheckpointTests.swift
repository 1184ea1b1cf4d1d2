import Cryptography
import Encodings
import Testing
import TransparencyLog

/// Notes and checkpoints as C2SP has them.
@Suite struct CheckpointTests {
  /// The example of the specification of signed notes: key, text and signature are published.
  private static let publishedKey =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
  private static let publishedNote = """
    If you think cryptography is the answer to your problem,
    then you don't know what your problem is.

    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1\
    FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=

    """

  private func signer(_ name: String = "log.example.org") throws -> LogSigner {
    let seed = SecretBytes(copying: Array(repeating: 7 as UInt8, count: 32))
    return try #require(LogSigner(name: name, key: try .init(seed: seed)))
  }

  @Test func thePublishedNoteIsSignedByThePublishedKey() throws {
    let key = try #require(LogKey(text: Self.publishedKey))
    let note = try #require(SignedNote(Self.publishedNote))
    #expect(key.text == Self.publishedKey)
    #expect(key.hasSigned(note))
    #expect(note.serialized == Self.publishedNote)
    let other = try #require(
      SignedNote(Self.publishedNote.replacing("your problem,", with: "my problem,")))
    #expect(!key.hasSigned(other))
  }

  @Test func aCheckpointComesBackVerifiedAndNobodyElsesDoes() throws {
    let signer = try signer()
    let checkpoint = Checkpoint(origin: "log.example.org", size: 48_113, root: .ofNothing)
    let note = try signer.sign(checkpoint.text).serialized
    #expect(try Checkpoint.verified(note, by: signer.publicKey) == checkpoint)
    let stranger = try #require(
      LogKey(name: "log.example.org", key: try Ed25519.SigningKey.generate().verifyingKey))
    #expect(throws: Checkpoint.Problem.unsigned) { try Checkpoint.verified(note, by: stranger) }
    #expect(throws: Checkpoint.Problem.foreign(origin: "log.example.org")) {
      try Checkpoint.verified(note, by: self.signer("other.example.org").publicKey)
    }
    #expect(throws: Checkpoint.Problem.unsigned) {
      try Checkpoint.verified(
        note.replacing("\n48113\n", with: "\n48114\n"), by: signer.publicKey)
    }
  }

  @Test func whatIsNoCheckpointIsNone() {
    let root = "\(MerkleHash.ofNothing)"
    for text in [
      "", "a", "a\n1\n", "a\n1\n\(root)", "\n1\n\(root)\n", "a\n01\n\(root)\n", "a\n-1\n\(root)\n",
      "a\n1\n\(root.dropLast(4))\n", "a\n1\nx\n", "a\n99999999999999999999\n\(root)\n",
      "a\n\(UInt64.max)\n\(root)\n", "a\n1\n\(root)\n\n",
    ] { #expect(Checkpoint(text: text) == nil, "\(text)") }
    #expect(Checkpoint(text: "a\n1\n\(root)\nmore\n")?.size == 1)
  }

  @Test func whatIsNoNoteIsNone() {
    let line = "\u{2014} a AAAAAAA="
    for note in [
      "", "\n", "text\n", "text\n\n", "text\n\n\(line)", "text\n\n- a AAAAAAA=\n",
      "text\n\n\u{2014} a\n", "text\n\n\u{2014} a AAAA\n", "text\n\n\u{2014} a+b AAAAAAA=\n",
      "text\n\n\(line)\n\(line) x\n", "text\n\n" + String(repeating: line + "\n", count: 101),
    ] { #expect(SignedNote(note) == nil, "\(note.prefix(40))") }
    #expect(SignedNote("text\n\n\(line)\n")?.text == "text\n")
    #expect(SignedNote("one\n\ntwo\n\n\(line)\n")?.text == "one\n\ntwo\n")
  }

  @Test func whatIsNoKeyIsNone() {
    for text in [
      "", "a", "a+b", "a+00000000+AAAA", Self.publishedKey.replacing("c74f", with: "c74e"),
      Self.publishedKey.replacing("+c74f", with: " +c74f"), Self.publishedKey + "x",
    ] { #expect(LogKey(text: text) == nil, "\(text)") }
  }
}
