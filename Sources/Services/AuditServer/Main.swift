import ServiceRuntime

@main
enum Main {
  static func main() async {
    await ServiceChassis.main(AuditConfiguration.self, assemble: AuditServer.assemble)
  }
}
