internal import ServiceRuntime

@main
enum Main {
  static func main() async {
    await ServiceChassis.main(AuthConfiguration.self) { configuration, chassis in
      try await AuthServer.services(configuration, on: chassis)
    }
  }
}
