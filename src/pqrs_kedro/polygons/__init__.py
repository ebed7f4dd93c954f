"""Municipal polygons that a user gives: read, checked, brought to the form of dim_geo."""
