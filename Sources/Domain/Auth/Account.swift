package import FoundationEssentials
package import Identity

/// A person with an account.
package struct Account: Sendable, Hashable {
  package let id: UserID
  package let email: EmailAddress
  package let displayName: DisplayName
  package let createTime: Date

  package init(id: UserID, email: EmailAddress, displayName: DisplayName, createTime: Date) {
    self.id = id
    self.email = email
    self.displayName = displayName
    self.createTime = createTime
  }
}
