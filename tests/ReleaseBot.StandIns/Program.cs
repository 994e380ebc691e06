Console.Error.WriteLine("No stand-in yet.");
return 1;
