/// The services that accept assertions, by the names that stand in them.
package enum AssertionAudience: String, Sendable, Hashable, CaseIterable {
  case auth
  case vault
  case audit
}
