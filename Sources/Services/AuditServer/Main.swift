import ServiceRuntime

@main
enum Main {
  static func main() async {
    await ServiceChassis.main(
      AuditConfiguration.self, schema: AuditSchema.schema, assemble: AuditServer.assemble)
  }
}
